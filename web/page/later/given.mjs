// A network that the visitor has: weights, or a gradient file of `dream export`.

import { PageError } from "../errors.mjs";
import { sha256Of } from "./digest.mjs";
import { fields, textOf, valueOf } from "./protobuf.mjs";
import { pointAt, readCaffemodel, readSafetensors } from "./weights.mjs";

const PREFIX = "deepdream.";
const [GRAPH, METADATA] = [7, 14]; // in ModelProto
const INITIALIZER = 5; // in GraphProto
const DATA_LOCATION = 14; // in TensorProto

/** Read a file of the visitor's, { words, open(layer, graph, info, location) }. */
export async function readGiven(file) {
  const kind = file.name.split(".").at(-1).toLowerCase();
  const bytes = new Uint8Array(await file.arrayBuffer());
  const sha256 = await sha256Of(bytes);
  if (!sha256) {
    throw new PageError("For a network of your own the page must come by https, not http.");
  }
  const given = { name: file.name, bytes, sha256 };
  try {
    return kind === "onnx" ? gradientFile(given) : weights(given, kind);
  } catch (error) {
    if (error instanceof PageError) throw error;
    throw new PageError(`${file.name} is damaged, or not what its name says. Copy it again.`);
  }
}

function weights({ name, bytes, sha256 }, kind) {
  const tensors = kind === "safetensors" ? readSafetensors(bytes) : readCaffemodel(bytes);
  if (!tensors.size) {
    throw new PageError(`There are no weights of BVLC's GoogLeNet in ${name}.`);
  }
  return {
    whole: false,
    words: `The next dream is with the weights of ${name}.`,
    open: (layer, graph, info, location) => ({
      model: pointAt(graph, tensors, location),
      weights: bytes,
      info: { ...info, weights: name, weightsSha256: sha256 },
      layers: [layer],
      origin: ["--weights", name, `--layer=${layer}`],
    }),
  };
}

function gradientFile({ name, bytes, sha256 }) {
  const properties = new Map();
  for (const { number, value } of fields(bytes)) {
    if (number === METADATA) properties.set(textOf(value, 1), textOf(value, 2));
  }
  const property = (key) => properties.get(PREFIX + key);
  const structured = (key) => JSON.parse(property(key));
  refuse(name, bytes, property);
  const { identity, sha256: weightsSha256 } = structured("weights");
  const preprocessing = structured("preprocessing");
  const stride = Number(property("least_side") ?? property("stride"));
  const layers = structured("layers").map(asTerm);
  const info = {
    architecture: property("architecture"),
    stride,
    order: preprocessing.order,
    mean: preprocessing.mean.map(Math.fround),
    scale: preprocessing.scale.map(Math.fround),
    weights: identity,
    weightsSha256,
    target: property("target"),
    precision: property("precision") ?? "float32",
  };
  const guides = structured("layers")
    .filter(({ guide }) => guide)
    .map(({ layer, guide }) => ({ layer, channels: guide.channels, parts: guide.parts }));
  const opened = { model: bytes, info, layers, origin: ["--model", name], sha256, guides };
  return {
    whole: true, // its layers are its own
    words: `The next dream is of ${layers.join(", ")}, with ${name}.`,
    open: () => opened,
  };
}

/** Write a term as `dream` does: LAYER[:CHANNEL][=WEIGHT]. */
function asTerm({ layer, channel, weight }) {
  return `${layer}${channel === null ? "" : `:${channel}`}${weight === 1 ? "" : `=${weight}`}`;
}

function refuse(name, bytes, property) {
  const graph = valueOf(bytes, GRAPH);
  const tensors = [...fields(graph)].filter(({ number }) => number === INITIALIZER);
  const wrong = [
    [property("format") !== "1", "is not a gradient file: make one with `dream export`"],
    [property("size"), "is for pictures of one size: export it without --size"],
    [
      tensors.some(({ value }) => valueOf(value, DATA_LOCATION)),
      "has its weights in another file: `dream export` writes both in one",
    ],
  ].find(([holds]) => holds);
  if (wrong) throw new PageError(`${name} ${wrong[1]}.`);
}
