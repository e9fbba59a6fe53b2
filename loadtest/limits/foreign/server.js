// The probe service on grpc-js, all defaults. Prints `ready port=N`; SIGTERM ends it.
const grpc = require("@grpc/grpc-js");
const { entries, digest } = require("./entries.js");

const echo = {
  path: "/waybill.lab.v1.Probe/Echo",
  requestStream: false,
  responseStream: false,
  requestDeserialize: (bytes) => bytes,
  responseSerialize: (bytes) => bytes,
};

function metadata(sizes) {
  const found = new grpc.Metadata();
  for (const [name, value] of entries(sizes || [])) found.set(name, value);
  return found;
}

const server = new grpc.Server();
server.addService({ echo }, {
  echo(call, callback) {
    const wish = call.request.length ? JSON.parse(call.request) : {};
    const answer = { digest: digest(Object.entries(call.metadata.getMap())) };
    setTimeout(() => {
      if (wish.initial) call.sendMetadata(metadata(wish.initial));
      callback(null, Buffer.from(JSON.stringify(answer)), metadata(wish.trailing));
    }, 1000 * (wish.hold_s || 0));
  },
});
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`ready port=${port}`);
});
process.on("SIGTERM", () => process.exit(0));
