// A probing client on grpc-js, all defaults: asks in, outcomes out, line by line.
// Run as `node client.js HOST PORT`.
const readline = require("node:readline");
const grpc = require("@grpc/grpc-js");
const { entries, digest } = require("./entries.js");

const bytes = (value) => value;
const target = `${process.argv[2]}:${process.argv[3]}`;
const open = () =>
  new grpc.Client(target, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
  });
let client = open();

function call(ask, wish) {
  const began = process.hrtime.bigint();
  const sent = new grpc.Metadata();
  for (const [name, value] of [...ask.extra, ...wish.request]) sent.add(name, value);
  const deadline = Date.now() + 1000 * ask.deadline_s;
  return new Promise((resolve) => {
    const seen = { initial: [], trailing: [], body: null, error: null };
    const running = client.makeUnaryRequest(
      ask.method, bytes, bytes, wish.body, sent, { deadline },
      (error, body) => Object.assign(seen, { error, body }),
    );
    running.on("metadata", (found) => (seen.initial = Object.entries(found.getMap())));
    running.on("status", (status) => {
      seen.trailing = Object.entries(status.metadata.getMap());
      const heldMs = Number(process.hrtime.bigint() - began) / 1e6;
      setImmediate(() => resolve({ ...seen, status, heldMs }));
    });
  });
}

function intact(ask, seen) {
  if (!seen.body) return null;
  const arrived = JSON.parse(seen.body).digest;
  return [[ask.request, arrived], [ask.initial, digest(seen.initial)],
    [ask.trailing, digest(seen.trailing)]]
    .every(([sizes, found]) => digest(entries(sizes)) === found);
}

function outcome(ask, seen, lost) {
  const { code, details } = seen.status;
  return {
    end: code === grpc.status.DEADLINE_EXCEEDED ? "hung" : "answered",
    grpc: code, text: details || "", intact: intact(ask, seen), held_ms: seen.heldMs,
    innocents: ask.innocents, innocents_lost: lost, settings: [],
  };
}

async function run(ask) {
  if (ask.first) {
    client.close();
    client = open();
  }
  const wanted = ask.initial.length || ask.trailing.length;
  const wish = { initial: ask.initial, trailing: ask.trailing };
  const body = Buffer.from(wanted ? JSON.stringify(wish) : "");
  const held = { request: [], body: Buffer.from(JSON.stringify({ hold_s: 0.3 })) };
  const innocents = Array.from({ length: ask.innocents }, () => call(ask, held));
  const mine = { request: entries(ask.request), body };
  const seen = await Promise.all(Array.from({ length: ask.times }, () => call(ask, mine)));
  if (seen.some((one) => one.status.code === grpc.status.DEADLINE_EXCEEDED)) {
    client.close(); // the connection may be stuck, and the next ask is to start afresh
    client = open();
  }
  const lost = (await Promise.all(innocents)).filter((other) => other.status.code !== 0).length;
  return seen.map((one) => outcome(ask, one, lost));
}

let last = Promise.resolve();
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  last = last.then(async () => console.log(JSON.stringify(await run(JSON.parse(line)))));
}).on("close", () => last.then(() => process.exit(0)));
