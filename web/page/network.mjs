// The network: a gradient file in a session of ONNX Runtime Web.

import { joined } from "./bytes.mjs";
import { PageError } from "./errors.mjs";
import { heap, watchMemory } from "./memory.mjs";
import { limits, rolledIndices } from "./planes.mjs";

const { ascent, files, runtime } = self.RELEASE;
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
  /** `memory` is how many MiB it may have, 0 for all that WebAssembly can address. */
  constructor(files, threads, memory) {
    Object.assign(this, { files, threads, memory });
    this.ort = null; // a promise of ONNX Runtime
    this.model = null;
  }

  /** Fetch what dreams of a layer need, but not the weights with a `given` network. */
  async prepare(layer, given) {
    requireWebAssembly();
    const { graph, weightsEnd } = layers[layer];
    const { module, loader, program } = runtime;
    const others = [module, loader, program, graph, ascent].map((path) => this.files.get(path));
    await Promise.all([given ?? this.files.weights(weightsEnd), ...others]);
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
   * Return the model of a layer or one `channel` of it, of the visitor's `file` if there is one.
   * The last model is kept.
   */
  async open(layer, channel, file) {
    const given = file && (await this.read(file));
    const name = channel === null ? layer : `${layer}:${channel}`;
    const key = `${name} ${given?.key}`;
    if (this.model?.key === key) return this.model;
    await this.prepare(layer, given);
    this.ort ??= this.start();
    const ort = await this.ort;
    await this.model?.close();
    this.model = null;
    const { channels, graph, info, weightsEnd } = layers[layer];
    const [shipped, step] = await Promise.all([graph, ascent].map((path) => this.files.get(path)));
    const model = joined([shipped]);
    if (channel !== null) choose(model, channels, channel);
    const opened = given?.open(name, model, info, WEIGHTS) ?? {
      model,
      weights: await this.files.weights(weightsEnd),
      info,
      layers: [name],
      origin: ["--weights", "builtin", `--layer=${name}`],
      sha256: channel === null ? files[graph].sha256 : undefined,
    };
    // Serialised protobufs merge: the fragment makes a step of the gradient file.
    const session = await ort.InferenceSession.create(joined([opened.model, step]), {
      executionProviders: ["wasm"],
      externalData: opened.weights && [{ path: WEIGHTS, data: opened.weights }],
      enableMemPattern: false, // it would keep a block for a whole run beside the arena's own
    });
    this.model = new Model(ort, session, key, opened);
    return this.model;
  }

  async start() {
    watchMemory(this.memory || 4096); // MiB
    const ort = await import(`./${runtime.module}`);
    ort.env.logLevel = "error";
    ort.env.wasm.numThreads = this.threads;
    ort.env.wasm.wasmPaths = { mjs: new URL(runtime.loader, import.meta.url).href };
    ort.env.wasm.wasmBinary = await this.files.get(runtime.program);
    return ort;
  }
}

/** Leave one channel its factor in a gradient file. */
function choose(model, { at, count }, channel) {
  model.fill(0, at, at + 4 * count);
  new DataView(model.buffer).setFloat32(at + 4 * channel, 1, true);
}

class Model {
  constructor(ort, session, key, { info, layers, origin, sha256 }) {
    Object.assign(this, { ort, session, key, info });
    this.made = { info, layers, origin, sha256 }; // what is stored in a dream
    const [low, high] = limits(info);
    const tensor = (values) => new ort.Tensor("float32", values, [1, 3, 1, 1]);
    this.limits = { low: tensor(low), high: tensor(high) };
  }

  /** Ascend by `length` on average, then roll; `mean` is the absolute gradient's before. */
  async step({ data, height, width }, length, down, across) {
    const { Tensor } = this.ort;
    const found = await this.session.run(
      {
        image: new Tensor("float32", data, [1, 3, height, width]),
        length: new Tensor("float32", [length], []),
        rows: new Tensor("int64", rolledIndices(height, down), [height]),
        columns: new Tensor("int64", rolledIndices(width, across), [width]),
        ...this.limits,
      },
      ["mean", "next"],
    );
    return { mean: found.mean.data[0], next: { data: found.next.data, height, width } };
  }

  close() {
    return this.session.release();
  }
}

const OUT_OF_MEMORY = /memory|bad_alloc|alloc|OOM|^\d+$/i; // a number is a C++ exception's address

/** Return a sentence for the visitor about whatever went wrong. */
export function explain(error, size) {
  if (error instanceof PageError) return error.message;
  const text = String(error?.message ?? error);
  if (error instanceof RangeError || OUT_OF_MEMORY.test(text)) {
    return (
      `There was not enough memory for ${size}: the network had taken ${Math.round(heap())} MiB. ` +
      "Choose a smaller size, or close other pages."
    );
  }
  return `Something failed that should not (${text}). Reload the page and try again.`;
}
