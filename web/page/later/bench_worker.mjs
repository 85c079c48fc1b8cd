// A contender of a bench: its steps and dreams are timed here. Messages are those of worker.mjs.

import "../release.js";
import { decode } from "../decode.mjs";
import { dream } from "../dream.mjs";
import { Files } from "../files.mjs";
import { explain, Network } from "../network.mjs";
import { meanScale, preprocess } from "../planes.mjs";
import { Random } from "../random.mjs";
import { encodePng } from "./png.mjs";
import { adapterHere } from "./webgpu.mjs";

const query = new URLSearchParams(self.location.search);
const backend = query.get("backend");
const threads = self.crossOriginIsolated ? Number(query.get("threads")) : 1;
const network = new Network(new Files(() => {}), backend, threads, 0);

const seconds = () => performance.now() / 1000;
const ADVICE = /\. [^.]*choose WebAssembly.*$/is; // which is no part of the reason
let planes; // the picture

const tasks = {
  adapterHere,

  /** Open a shipped layer, or a gradient file { model, weights, location, info }. */
  async open({ layer, opened }) {
    if (opened) await network.use("", opened);
    else await network.open(layer, null);
    return { threads, isolated: self.crossOriginIsolated, version: self.RELEASE.runtime };
  },

  /** Take the picture that steps and gradients are of. */
  async picture({ png }) {
    planes = preprocess(await decode(new Blob([png]), Infinity), network.model.info);
  },

  async gradient() {
    const { gradient } = await network.model.run(["gradient"], planes);
    return gradient.data;
  },

  /** Return what WebGPU runs on, once there is a session. */
  adapter: () => network.gpu?.adapterOf(network.model.ort),

  /** Return the seconds of each of `count` steps, one after the other. */
  async turn({ count, settings }) {
    const { jitter, seed, step } = settings;
    const length = step * meanScale(network.model.info);
    const taken = [];
    let at = planes;
    for (const [across, down] of new Random(seed).shifts(count, jitter)) {
      const began = seconds();
      at = (await network.model.step(at, length, down, across)).next;
      taken.push(seconds() - began);
    }
    return taken;
  },

  /** Dream from a photograph's PNG to the dream's; return it and the seconds of each part. */
  async dream({ png, settings }) {
    const parts = {};
    let last = seconds();
    const mark = (name) => {
      const now = seconds();
      parts[name] = (parts[name] ?? 0) + now - last;
      last = now;
    };
    const picture = await decode(new Blob([png]), Infinity);
    mark("session");
    const found = await dream(network.model, picture, settings, ({ iteration }) =>
      mark(iteration === 1 ? "first steps" : "steps"),
    );
    const made = await encodePng(found);
    mark("write");
    return { png: made, parts };
  },
};

onmessage = async ({ data: { id, task, ...given } }) => {
  try {
    postMessage({ id, result: await tasks[task](given) });
  } catch (error) {
    const size = planes ? `${planes.width}×${planes.height} pixels` : "this";
    postMessage({ id, error: explain(error, size, backend).replace(ADVICE, "") });
  }
};
