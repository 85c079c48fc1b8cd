// The network: a gradient file in a session of ONNX Runtime Web.

import { joined } from "./bytes.mjs";
import { PageError } from "./errors.mjs";
import { heap, watchMemory } from "./memory.mjs";
import { limits, rolledIndices } from "./planes.mjs";

const { backends, files, info } = self.RELEASE;
const layers = Object.fromEntries(self.RELEASE.layers.map((layer) => [layer.name, layer]));
const WEIGHTS = "weights.safetensors"; // in gradient files
const SIMD = "AGFzbQEAAAABBQFgAAF7AwIBAAoIAQYAQQD9Dws="; // returns i8x16.splat(0)

/** Throw a PageError where ONNX Runtime cannot run. */
function requireWebAssembly() {
  if (typeof WebAssembly === "undefined") {
    throw new PageError("This browser runs no WebAssembly: its strictest mode may be on.");
  }
  if (!WebAssembly.validate(Uint8Array.from(atob(SIMD), (one) => one.charCodeAt()))) {
    throw new PageError("This browser's WebAssembly has no SIMD: update it.");
  }
}

export class Network {
  /**
   * `backend` is "wasm" or "webgpu". `memory` is how many MiB it may have, 0 for all that
   * WebAssembly can address.
   */
  constructor(files, backend, threads, memory) {
    Object.assign(this, { files, backend, threads, memory, runtime: backends[backend] });
    this.ort = null; // a promise of ONNX Runtime
    this.model = null;
  }

  /** Fetch what dreams of a layer need, but not the weights with a `given` network. */
  async prepare(layer, given, guide) {
    await this.require();
    const { graph, weightsEnd } = this.fileOf(layer, guide);
    const { ascent, loader, module, program } = this.runtime;
    const others = [ascent, graph, loader, module, program].map((path) => this.files.get(path));
    await Promise.all([given ?? this.files.weights(weightsEnd), ...others]);
  }

  /** Throw a PageError where the backend cannot run. */
  async require() {
    requireWebAssembly();
    if (this.backend === "webgpu") this.gpu ??= await import("./later/webgpu.mjs");
    await this.gpu?.requireWebGpu();
  }

  /** Return what is known of a layer's gradient file, the one for a guide if there is one. */
  fileOf(layer, guide) {
    const known = layers[layer][this.backend];
    return guide ? { ...known, graph: layers[layer].guided } : known;
  }

  /** Read the file of a network that the visitor has; the last one is kept. */
  async read(file) {
    const key = `${file.name} ${file.size} ${file.lastModified}`;
    if (this.given?.key !== key) {
      const { readGiven } = await import("./later/given.mjs");
      this.given = { key, ...(await readGiven(file)) };
    }
    return this.given;
  }

  /**
   * Return the model of a layer or one `channel` of it, of the visitor's `file` if there is one,
   * led by the picture `guide` if there is one. The last model is kept.
   */
  async open(layer, channel, file, guide) {
    const given = file && (await this.read(file));
    const name = channel === null ? layer : `${layer}:${channel}`;
    const key = `${name} ${given?.key} ${!guide}`;
    if (this.model?.key !== key) {
      const { graph, weightsEnd, channelsAt } = this.fileOf(layer, guide);
      await this.prepare(layer, given, guide);
      const model = joined([await this.files.get(graph)]);
      const { channels, parts, stride } = layers[layer];
      if (channel !== null && !guide) choose(model, channelsAt, channels, channel);
      const whole = { ...info, stride, target: this.runtime.target };
      const opened = given?.open(name, model, whole, WEIGHTS) ?? {
        model,
        weights: await this.files.weights(weightsEnd),
        info: whole,
        layers: [name],
        origin: ["--weights", "builtin", `--layer=${name}`],
        sha256: channel === null ? files[graph].sha256 : undefined,
      };
      await this.use(key, { guides: guide ? [{ layer, channels, parts }] : [], ...opened });
    }
    if (guide || this.model.guides.length) {
      const { lead } = await import("./later/guide.mjs");
      await lead(this.model, guide, given?.whole ? null : channel, this.backend);
    }
    return this.model;
  }

  /** Make sessions of a gradient file { model, weights, info, ... }. */
  async use(key, opened) {
    await this.require();
    this.ort ??= this.start();
    const ort = await this.ort;
    await this.model?.close();
    this.model = null;
    // Serialised protobufs merge: the fragment makes a step of the gradient file.
    const step = joined([opened.model, await this.files.get(this.runtime.ascent)]);
    const create = (options) =>
      ort.InferenceSession.create(step, {
        executionProviders: [this.backend],
        externalData: opened.weights && [{ path: opened.location ?? WEIGHTS, data: opened.weights }],
        enableMemPattern: false, // it would keep a block for a whole run beside the arena's own
        ...options,
      });
    this.model = new Model(ort, create, key, opened, this.gpu?.optionsFor);
    if (!this.gpu) await this.model.session();
  }

  async start() {
    watchMemory(this.memory || 4096); // MiB
    const { loader, module, program } = this.runtime;
    const ort = await import(`./${module}`);
    ort.env.logLevel = "error";
    ort.env.wasm.numThreads = this.threads;
    ort.env.wasm.wasmPaths = { mjs: new URL(loader, import.meta.url).href };
    ort.env.wasm.wasmBinary = await this.files.get(program);
    return ort;
  }
}

/** Leave one of `count` channels its factor in a gradient file. */
function choose(model, at, count, channel) {
  model.fill(0, at, at + 4 * count);
  new DataView(model.buffer).setFloat32(at + 4 * channel, 1, true);
}

class Model {
  /** `optionsFor` a size are those of a session, where each size wants its own. */
  constructor(ort, create, key, { info, guides = [], layers, origin, sha256 }, optionsFor) {
    Object.assign(this, { ort, create, key, info, guides, optionsFor });
    this.made = { guides, info, layers, origin, sha256 }; // what is stored in a dream
    this.kept = null; // the last session
    const [low, high] = limits(info);
    const tensor = (values) => new ort.Tensor("float32", values, [1, 3, 1, 1]);
    this.constants = { low: tensor(low), high: tensor(high) };
  }

  /** Return a session for pictures of this size; the last one is kept. */
  async session(height, width) {
    const size = this.optionsFor ? `${height} ${width}` : "any";
    if (this.size !== size) {
      await this.close();
      this.kept = await this.create(this.optionsFor?.(height, width));
      this.size = size;
    }
    return this.kept;
  }

  /** Ascend by `length` on average, then roll; `mean` is the absolute gradient's before. */
  async step(planes, length, down, across) {
    const { height, width } = planes;
    const { mean, next } = await this.run(["mean", "next"], planes, length, down, across);
    return { mean: mean.data[0], next: { data: next.data, height, width } };
  }

  /** Return some outputs of a step, by default of one that leads nowhere. */
  async run(outputs, { data, height, width }, length = 0, down = 0, across = 0, more = {}) {
    const { Tensor } = this.ort;
    const session = await this.session(height, width);
    const feeds = {
      image: new Tensor("float32", data, [1, 3, height, width]),
      length: new Tensor("float32", [length], []),
      rows: new Tensor("int64", rolledIndices(height, down), [height]),
      columns: new Tensor("int64", rolledIndices(width, across), [width]),
      ...this.constants,
      ...more,
    };
    return session.run(feeds, outputs);
  }

  async close() {
    await this.kept?.release();
    this.kept = this.size = null;
  }
}

const REMEDY = "Reload the page and try again";
const OUT_OF_MEMORY = /memory|bad_alloc|alloc|OOM|^\d+$/i; // a number is a C++ exception's address

/** Return a sentence for the visitor about whatever went wrong. */
export function explain(error, size, backend) {
  if (error instanceof PageError) return error.message;
  const text = String(error?.message ?? error);
  if (error instanceof RangeError || OUT_OF_MEMORY.test(text)) {
    return (
      `There was not enough memory for ${size}: the network had taken ${Math.round(heap())} MiB. ` +
      "Choose a smaller size, or close other pages."
    );
  }
  const remedy = backend === "webgpu" ? "WebGPU is experimental here: choose WebAssembly" : REMEDY;
  return `Something failed that should not (${text}). ${remedy}.`;
}
