// The network: a gradient file in a session of ONNX Runtime Web, which takes the steps of a dream.

import { joined } from "./bytes.mjs";
import { PageError } from "./errors.mjs";
import { heap, watchMemory } from "./memory.mjs";
import { limits, rolledIndices } from "./planes.mjs";

const { ascent, runtime } = self.RELEASE;
const layers = Object.fromEntries(self.RELEASE.layers.map((layer) => [layer.name, layer]));
const WEIGHTS = "weights.safetensors"; // what gradient files call the file of their weights
const MOST_MEMORY = 4096; // MiB
const SIMD_MODULE = new Uint8Array([
  // (func (result v128) i32.const 0 i8x16.splat)
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15,
  11,
]);

/** Throw a PageError where ONNX Runtime cannot run. */
function requireWebAssembly() {
  if (typeof WebAssembly === "undefined") {
    throw new PageError(
      "This browser runs no WebAssembly, which the network needs: its strictest mode may be on.",
    );
  }
  if (!WebAssembly.validate(SIMD_MODULE)) {
    throw new PageError(
      "This browser's WebAssembly has no SIMD, which the network needs: update it.",
    );
  }
}

export class Network {
  /** `memory` is how many MiB it may have, 0 for all that WebAssembly can address. */
  constructor(files, threads, memory) {
    Object.assign(this, { files, threads, memory });
    this.ort = null; // a promise of ONNX Runtime
    this.model = null;
  }

  /** Fetch what dreams of a layer need, without opening it. */
  async prepare(layer) {
    requireWebAssembly();
    const { graph, weightsEnd } = layers[layer];
    const { module, loader, program } = runtime;
    const others = [module, loader, program, graph, ascent].map((path) => this.files.get(path));
    await Promise.all([this.files.weights(weightsEnd), ...others]);
  }

  /** Return the model of a layer; the last one is kept, and another one closed. */
  async open(layer) {
    if (this.model?.layer === layer) return this.model;
    await this.prepare(layer);
    this.ort ??= this.start();
    const ort = await this.ort;
    await this.model?.close();
    this.model = null;
    const { graph, info, weightsEnd } = layers[layer];
    const parts = await Promise.all([graph, ascent].map((path) => this.files.get(path)));
    const weights = await this.files.weights(weightsEnd);
    // Serialised protobufs merge: the fragment makes a step of the gradient file.
    const session = await ort.InferenceSession.create(joined(parts), {
      executionProviders: ["wasm"],
      externalData: [{ path: WEIGHTS, data: weights }],
      enableMemPattern: false, // it would keep a block for a whole run beside the arena's own
    });
    this.model = new Model(ort, session, layer, info);
    return this.model;
  }

  async start() {
    watchMemory(this.memory || MOST_MEMORY);
    const ort = await import(`./${runtime.module}`);
    ort.env.logLevel = "error";
    ort.env.wasm.numThreads = this.threads;
    ort.env.wasm.wasmPaths = { mjs: new URL(runtime.loader, import.meta.url).href };
    ort.env.wasm.wasmBinary = await this.files.get(runtime.program);
    return ort;
  }
}

class Model {
  constructor(ort, session, layer, info) {
    Object.assign(this, { ort, session, layer, info });
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
