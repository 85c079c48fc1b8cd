// What a gradient file says of itself (docs/model-file.md), read from the few fields of its
// protobuf that are wanted: https://protobuf.dev/programming-guides/encoding/

const MODEL = { graph: 7, metadata: 14 };
const GRAPH = { initializer: 5 };
const TENSOR = { externalData: 13 };
const PREFIX = "deepdream.";
const FORMAT = "1";
const [VARINT, FIXED64, LENGTH, FIXED32] = [0, 1, 2, 5];

const text = new TextDecoder();

/** Describe a gradient file (a Uint8Array); `weightsEnd` is how much of its weights it needs. */
export function describe(content) {
  const properties = {};
  let weightsEnd = 0;
  for (const [number, model] of fields(content)) {
    if (number === MODEL.metadata) Object.assign(properties, keyAndValue(model));
    if (number === MODEL.graph) weightsEnd = endOfWeights(model);
  }
  const value = (name) => properties[PREFIX + name];
  if (value("format") !== FORMAT) throw new Error("this is no gradient file of this page's format");
  const { order, mean, scale } = JSON.parse(value("preprocessing"));
  const weights = JSON.parse(value("weights"));
  return {
    architecture: value("architecture"),
    stride: Number(value("stride")),
    order,
    mean,
    scale,
    weights: weights.identity,
    weightsSha256: weights.sha256,
    target: value("target"),
    precision: value("precision") ?? "float32",
    weightsEnd,
  };
}

function endOfWeights(graph) {
  let end = 0;
  for (const [number, tensor] of fields(graph)) {
    if (number !== GRAPH.initializer) continue;
    const place = {};
    for (const [part, entry] of fields(tensor)) {
      if (part === TENSOR.externalData) Object.assign(place, keyAndValue(entry));
    }
    if (place.location) end = Math.max(end, Number(place.offset ?? 0) + Number(place.length));
  }
  return end;
}

function keyAndValue(entry) {
  const found = {};
  for (const [number, value] of fields(entry)) found[number] = text.decode(value);
  return { [found[1]]: found[2] ?? "" };
}

/** Yield number and bytes of each field that has a length. */
function* fields(message) {
  let at = 0;
  const varint = () => {
    for (let value = 0, unit = 1; ; unit *= 128) {
      const byte = message[at++];
      value += (byte & 127) * unit;
      if (!(byte & 128)) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === VARINT) varint();
    else if (kind === FIXED64) at += 8;
    else if (kind === FIXED32) at += 4;
    else if (kind === LENGTH) {
      const length = varint();
      yield [Math.floor(tag / 8), message.subarray(at, at + length)];
      at += length;
    } else throw new Error(`a field of wire type ${kind}`);
  }
}
