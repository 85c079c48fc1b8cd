// A short bench of this device: steps and dreams of all that this browser can run, in turns.

import { Background } from "../background.mjs";
import { resultOf, sum } from "./result.mjs";
import { median, whyUnstable } from "./statistics.mjs";

const SIZE = { width: 182, height: 158 }; // of the pictures of 2019
const EXAMPLE = "example.jpg";
const ROUNDS = 5;
const MOST_ROUNDS = 10; // while it is unsettled
const DREAMS = 3; // rounds that have whole dreams, too
const TURN = 0.3; // seconds of work in a turn, if two steps take less
const MOST_STEPS = 10; // in a turn
const PAUSE = 100; // milliseconds before each turn
const MOST_ERROR = 0.02; // |found - reference| / |reference| of a gradient, in the 2-norm
const MOST_THREADS = 8;

let found; // the last result

/** Measure, or save what was measured. `say` tells the visitor, `save` offers a file. */
export async function press(button, say, save) {
  if (!found) {
    found = await bench(say);
    button.textContent = "Save what was measured";
    return;
  }
  const bytes = new TextEncoder().encode(`${JSON.stringify(found, null, 1)}\n`);
  save(bytes, "page-bench.json", "application/json");
}

/** Return a contender in a worker of its own; `ask` it for the tasks of bench_worker.mjs. */
export function contender(backend, threads) {
  const script = "later/bench_worker.mjs";
  return new Background({}, script, `?backend=${backend}&threads=${threads}`);
}

async function bench(say) {
  const cores = Math.min(navigator.hardwareConcurrency ?? 1, MOST_THREADS);
  const counts = self.crossOriginIsolated && cores > 1 ? [1, cores] : [1];
  const timed = counts.map((threads) => ({ name: named(threads), backend: "wasm", threads }));
  timed.push({ name: "webgpu-browser", backend: "webgpu", threads: null });
  const settings = {};
  for (const { name, default: value } of self.RELEASE.settings) settings[name] = value;
  settings.seed = 0n;
  let photo;
  try {
    const { png, ...its } = await example();
    photo = its;
    for (const one of timed) {
      say(`Measuring this device: ${one.name} begins.`);
      await begin(one, png, settings);
    }
    check(timed);
    await takeTurns(timed, png, settings, (round) => say(`Measuring this device: round ${round}.`));
  } finally {
    for (const one of timed) one.background?.end();
  }
  say(sentence(timed));
  return resultOf(timed, settings, { size: SIZE, most: MOST_ERROR, photo });
}

function named(threads) {
  return `wasm, ${threads} thread${threads > 1 ? "s" : ""}`;
}

/** Return the example: { png, name, width, height }, the PNG of SIZE. */
async function example() {
  const bitmap = await createImageBitmap(await (await fetch(EXAMPLE)).blob());
  const canvas = new OffscreenCanvas(SIZE.width, SIZE.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0, SIZE.width, SIZE.height);
  const blob = await canvas.convertToBlob({ type: "image/png" });
  const png = new Uint8Array(await blob.arrayBuffer());
  return { png, name: EXAMPLE, width: bitmap.width, height: bitmap.height };
}

/** Open a contender, and take its first steps; one that fails is missing, with its reason. */
async function begin(one, png, settings) {
  one.background = contender(one.backend, one.threads);
  const ask = (task, given) => one.background.ask(task, given);
  try {
    if (one.backend === "webgpu") refuseSoftware(await ask("adapterHere"));
    one.opened = await ask("open", { layer: self.RELEASE.defaultLayer });
    await ask("picture", { png });
    one.gradient = await ask("gradient");
    one.adapter = await ask("adapter");
    one.first = await ask("turn", { count: 3, settings });
    one.dreamt = await dreamOnce(one, png, settings);
    [one.samples, one.dreams] = [[], []];
  } catch (error) {
    one.missing = error.message;
    one.background.end();
  }
}

function refuseSoftware(adapter) {
  if (!adapter?.fallback) return;
  throw new Error(`WebGPU has a software adapter here (${adapter.name}), which is no GPU`);
}

/** Return the seconds of each part of a whole dream. */
async function dreamOnce(one, png, settings) {
  return (await one.background.ask("dream", { png, settings })).parts;
}

/** Compare gradients with the first contender's. */
function check(timed) {
  const [reference] = timed;
  for (const one of timed.slice(1)) {
    if (!one.missing && !reference.missing) one.error = distance(one.gradient, reference.gradient);
  }
}

function distance(found, reference) {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < reference.length; i++) {
    difference += (found[i] - reference[i]) ** 2;
    norm += reference[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}

async function takeTurns(timed, png, settings, onRound) {
  const there = timed.filter(({ missing }) => !missing);
  const unsettled = () => there.some(({ samples }) => whyUnstable(samples));
  for (let round = 1; round <= ROUNDS || (round <= MOST_ROUNDS && unsettled()); round++) {
    onRound(round);
    for (const one of shuffled(there)) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      const count = Math.max(2, Math.min(MOST_STEPS, Math.round(TURN / one.first.at(-1))));
      const [, ...steps] = await one.background.ask("turn", { count, settings });
      one.samples.push(Math.max(median(steps), 1e-6)); // some browsers round their clock
      if (round <= DREAMS) one.dreams.push(await dreamOnce(one, png, settings));
    }
  }
}

function shuffled(list) {
  return list.map((one) => [Math.random(), one]).sort(([a], [b]) => a - b).map(([, one]) => one);
}

function sentence(timed) {
  const told = timed
    .filter(({ missing }) => !missing)
    .map(({ name, samples, dreams }) => {
      const dream = median(dreams.map(sum)).toFixed(1);
      return `${(1000 * median(samples)).toFixed(1)} ms with ${name} (a whole dream ${dream} s)`;
    });
  const wrong = timed.some(({ error }) => error > MOST_ERROR) ? " Not all computed the same." : "";
  return told.length
    ? `A step at ${SIZE.width}×${SIZE.height} takes ${told.join(", ")}.${wrong}`
    : `Nothing could be measured: ${timed[0].missing}`;
}
