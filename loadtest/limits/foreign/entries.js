// The same entries and digest as loadtest/limits/entries.py.
const crypto = require("node:crypto");

const PREFIX = "x-waybill-probe-";
const ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
const CYCLE = 65536;

let state = 7;
let text = "";
for (let i = 0; i < CYCLE; i++) {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  text += ALPHABET[(state >> 16) & 63];
}

function entries(sizes) {
  return sizes.map((size, i) => {
    const start = (i * 31) % CYCLE;
    const repeats = Math.floor((start + size) / CYCLE) + 1;
    return [PREFIX + String(i).padStart(5, "0"), text.repeat(repeats).slice(start, start + size)];
  });
}

function digest(pairs) {
  const hash = crypto.createHash("sha256");
  for (const [name, value] of pairs.filter(([n]) => n.startsWith(PREFIX)).sort()) {
    hash.update(`${name}\0${value}\0`);
  }
  return hash.digest("hex");
}

module.exports = { entries, digest };
