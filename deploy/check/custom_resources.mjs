// Checks custom resources (JSON, one a line, from standard input) against the schemas of their
// definitions, which npm has put into the folder that is the only argument.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const PACKAGES = {
  "gateway.networking.k8s.io": "gateway-api",
  "networking.istio.io": "istio",
  "security.istio.io": "istio",
};
const folder = pathToFileURL(`${process.argv[2]}/node_modules/@kubernetes-models/`);

async function check({ apiVersion, kind, ...rest }) {
  const name = PACKAGES[apiVersion.split("/")[0]];
  if (!name) throw new Error(`no schema is known for ${apiVersion}`);
  const models = await import(new URL(`${name}/${apiVersion}/index.js`, folder));
  if (!models[kind]) throw new Error(`${apiVersion} has no kind ${kind}`);
  new models[kind](rest).validate();
}

let wrong = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const resource = JSON.parse(line);
  await check(resource).catch((error) => {
    wrong += 1;
    console.error(`${resource.kind} ${resource.metadata.name}: ${error.message}`);
  });
}
process.exit(wrong ? 1 : 0);
