// The network: a gradient file in a session of ONNX Runtime Web, which takes the steps of a dream.

import { joined } from "./bytes.mjs";
import { PageError } from "./errors.mjs";
import { describe } from "./gradient_file.mjs";
import { heap } from "./memory.mjs";
import { limits, rolledIndices } from "./planes.mjs";

const { layers, ascent, runtime } = self.RELEASE;
const WEIGHTS = "weights.safetensors"; // what gradient files call the file of their weights
const ONE_MODULE = new Uint8Array([
  // The smallest module with an instruction of SIMD: (func (result v128) i32.const 0 i8x16.splat)
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15,
  11,
]);

/** Throw a PageError where ONNX Runtime cannot run. */
function requireWebAssembly() {
  if (typeof WebAssembly === "undefined") {
    throw new PageError(
      "This browser runs no WebAssembly, which the network needs. Some browsers switch it off in " +
        "their strictest security mode.",
    );
  }
  if (!WebAssembly.validate(ONE_MODULE)) {
    throw new PageError(
      "This browser's WebAssembly has no SIMD instructions, which the network needs: update it " +
        "(Chrome 91, Firefox 89 and Safari 16.4 have them).",
    );
  }
}

export class Network {
  constructor(files, threads) {
    this.files = files;
    this.threads = threads;
    this.ort = null; // a promise of ONNX Runtime
    this.model = null;
  }

  /** Fetch what dreams of a layer need, without opening it. */
  async prepare(layer) {
    requireWebAssembly();
    const [graph] = await Promise.all([this.graph(layer), this.files.get(runtime.program)]);
    await this.files.weights(describe(graph).weightsEnd);
  }

  graph(layer) {
    return this.files.get(layers.find(({ name }) => name === layer).graph);
  }

  /** Return the model of a layer; the last one is kept, and another one closed. */
  async open(layer) {
    if (this.model?.layer === layer) return this.model;
    await this.prepare(layer);
    this.ort ??= this.start();
    const ort = await this.ort;
    await this.model?.close();
    this.model = null;
    const [graph, fragment] = await Promise.all([this.graph(layer), this.files.get(ascent)]);
    const info = describe(graph);
    const weights = await this.files.weights(info.weightsEnd);
    const session = await ort.InferenceSession.create(joined([graph, fragment]), {
      executionProviders: ["wasm"],
      externalData: [{ path: WEIGHTS, data: weights }],
      enableMemPattern: false, // it would keep a block for a whole run beside the arena's own
    });
    this.model = new Model(ort, session, layer, info);
    return this.model;
  }

  async start() {
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
    const [low, high] = limits(info).map((values) => new ort.Tensor("float32", values, [1, 3, 1, 1]));
    this.limits = { low, high };
  }

  /** Ascend by `length` on average, then roll; `objective` and `mean` are those before the step. */
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
      ["objective", "mean", "next"],
    );
    return {
      objective: found.objective.data[0],
      mean: found.mean.data[0],
      next: { data: found.next.data, height, width },
    };
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
      `There was not enough memory for ${size} (the network had taken ${Math.round(heap())} MiB). ` +
      "Choose a smaller size, or close other pages."
    );
  }
  return `Something failed that should not: ${text}. Reload the page; if it happens again, tell us.`;
}
