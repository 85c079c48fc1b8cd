// Answers a test's questions with the page's own functions: one line of JSON in, one out.
// An array goes as { TYPE: base64 }, a large number as { big: digits }.

import readline from "node:readline";

const page = new URL("../../web/page/", import.meta.url);
const load = (name) => import(new URL(name, page));
const { octaveSizes, resize } = await load("octaves.mjs");
const planes = await load("planes.mjs");
const { Random } = await load("random.mjs");
const { guideRows } = await load("later/guide.mjs");
const { resultOf } = await load("later/result.mjs");
const { whyUnstable } = await load("later/statistics.mjs");
const { encodePng } = await load("later/png.mjs");
const { record } = await load("later/record.mjs");
const { pointAt, readCaffemodel, readSafetensors } = await load("later/weights.mjs");

const questions = {
  octaveSizes,
  resize,
  encodePng,
  guideRows,
  whyUnstable,
  resultOf: (release, browser, ...given) => {
    globalThis.self = { RELEASE: release, crossOriginIsolated: true };
    Object.defineProperty(globalThis, "navigator", { value: browser, configurable: true });
    return resultOf(...given);
  },
  record,
  ...planes,
  pointAt: (model, kind, weights, location) => {
    const read = kind === "caffemodel" ? readCaffemodel : readSafetensors;
    return pointAt(model, read(weights), location);
  },
  shifts: (seed, draws) => {
    const random = new Random(seed);
    return draws.map(([count, most]) => random.shifts(count, most));
  },
};

const TYPES = { float32: Float32Array, uint8: Uint8Array };

function decode(value) {
  if (Array.isArray(value)) return value.map(decode);
  if (value === null || typeof value !== "object") return value;
  const [[key, content] = []] = Object.entries(value);
  if (key === "big") return BigInt(content);
  if (key in TYPES) return new TYPES[key](Uint8Array.from(Buffer.from(content, "base64")).buffer);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, decode(one)]));
}

function encode(value) {
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  }
  if (Array.isArray(value)) return value.map(encode);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, encode(one)]));
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { ask, given } = JSON.parse(line);
  const answer = await questions[ask](...decode(given));
  process.stdout.write(`${JSON.stringify(encode(answer))}\n`);
}
