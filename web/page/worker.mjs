// Everything that takes long. Messages in: { id, task, ... }, and "stop". Out: { id, result } or
// { id, error } to each, and on the way { loading } and { step }.

import "./release.js";
import { decode } from "./decode.mjs";
import { dream } from "./dream.mjs";
import { Files } from "./files.mjs";
import { heap } from "./memory.mjs";
import { explain, Network } from "./network.mjs";

const query = new URLSearchParams(self.location.search);
const MOST_THREADS = 8; // more of them wait for one another
const LOADING_INTERVAL = 100; // milliseconds between messages

const cores = Math.min(navigator.hardwareConcurrency ?? 1, MOST_THREADS);
const threads = self.crossOriginIsolated ? Number(query.get("threads")) || cores : 1;

const backend = query.get("backend") ?? "wasm";
const files = new Files(tellLoading);
const network = new Network(files, backend, threads, Number(query.get("memory")));
let picture = null;
let stopped = false;

const tasks = {
  /** Decode a picture, which the next dream is of. */
  async picture({ blob, side }) {
    picture = await decode(blob, side);
    return picture;
  },

  prepare: ({ layer }) => network.prepare(layer),

  async network({ file }) {
    const { whole, words } = await network.read(file);
    return { whole, words };
  },

  /** Dream on the picture, and tell of each step. */
  async dream({ layer, channel, file, guide, settings, source }) {
    stopped = false;
    const { record } = await import("./later/record.mjs"); // rather missed now than at the end
    const led = guide && (await (await import("./later/guide.mjs")).readGuide(guide));
    const model = await network.open(layer, channel, file, led?.picture);
    const started = performance.now();
    const elapsed = () => performance.now() - started;
    const result = await dream(model, picture, settings, async ({ preview, ...at }) => {
      postMessage({ step: { ...at, rgba: preview(), elapsed: elapsed() } });
      await letMessagesIn();
      return !stopped;
    });
    const ran = { ...model.made, backend, guide: led, settings, source, threads };
    const text = record(self.RELEASE, ran);
    const on = await network.gpu?.adapterOf(model.ort);
    return { ...result, text, elapsed: elapsed(), threads, heap: heap(), guide: led, on };
  },

  async png({ image, text }) {
    const { encodePng } = await import("./later/png.mjs");
    return encodePng(image, text);
  },
};

const { port1, port2 } = new MessageChannel();

/** Let "stop" in. A timeout would take 4 ms, for browsers hold back those that follow another. */
function letMessagesIn() {
  return new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(null);
  });
}

let toldLoading = 0;

function tellLoading(done, total) {
  const now = performance.now();
  if (done < total && now - toldLoading < LOADING_INTERVAL) return;
  toldLoading = now;
  postMessage({ loading: { done, total } });
}

onmessage = async ({ data }) => {
  if (data === "stop") {
    stopped = true;
    return;
  }
  const { id, task, ...given } = data;
  try {
    postMessage({ id, result: await tasks[task](given) });
  } catch (error) {
    console.debug(error);
    const size = picture ? `${picture.width}×${picture.height} pixels` : "this";
    postMessage({ id, error: explain(error, size, backend) });
  }
};
