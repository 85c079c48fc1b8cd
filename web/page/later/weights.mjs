// Weights that the visitor has: where each tensor's bytes lie in the file. ONNX Runtime reads them
// there, so nothing is copied. What weights/joining.py and weights/readers/ do.

import { joined } from "../bytes.mjs";
import { PageError } from "../errors.mjs";
import { field, fields, textOf, valueOf } from "./protobuf.mjs";

const [FLOAT, FLOAT16] = [1, 10]; // in onnx.proto
const SAFETENSORS = { F32: FLOAT, F16: FLOAT16 };
const GRAPH = 7; // in ModelProto
const INITIALIZER = 5; // in GraphProto
const [DIMS, DATA_TYPE, NAME, EXTERNAL_DATA] = [1, 2, 8, 13]; // in TensorProto

/** Return tensors { type, offset, length } by their names, of .safetensors. */
export function readSafetensors(bytes) {
  const size = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
  delete header.__metadata__;
  const tensors = new Map();
  for (const [name, { dtype, data_offsets: offsets }] of Object.entries(header)) {
    const [first, last] = offsets;
    const place = { type: SAFETENSORS[dtype], offset: 8 + size + first, length: last - first };
    if (place.type && place.offset + place.length <= bytes.length) tensors.set(name, place);
  }
  return tensors;
}

// The fields of a layer's name and of its blobs, by the field number of layers in NetParameter.
const LAYERS = { 2: [4, 6], 100: [1, 7] };
const DATA = 5; // in BlobProto, packed

/** The same of .caffemodel, old or new. */
export function readCaffemodel(bytes) {
  const tensors = new Map();
  for (const { number, value: layer } of fields(bytes)) {
    if (!LAYERS[number]) continue;
    const [name, blob] = LAYERS[number];
    const blobs = [...fields(layer)].filter((part) => part.number === blob);
    ["weight", "bias"].slice(0, blobs.length).forEach((part, i) => {
      const data = valueOf(blobs[i].value, DATA);
      const place = { type: FLOAT, offset: data?.byteOffset, length: data?.length };
      if (data) tensors.set(`${textOf(layer, name)}.${part}`, place);
    });
  }
  return tensors;
}

/** Return a gradient file with its weights taken from `tensors` of the file called `location`. */
export function pointAt(model, tensors, location) {
  const changed = (message, number, change) =>
    joined(
      [...fields(message)].map((part) =>
        part.number === number ? field(number, change(part.value)) : part.whole,
      ),
    );
  return changed(model, GRAPH, (graph) =>
    changed(graph, INITIALIZER, (tensor) => moved(tensor, tensors, location)),
  );
}

function moved(tensor, tensors, location) {
  const parts = [...fields(tensor)];
  if (!parts.some(({ number }) => number === EXTERNAL_DATA)) return tensor;
  const name = textOf(tensor, NAME);
  const { type, offset, length } = tensors.get(name) ?? {};
  const count = parts.reduce((all, { number, value }) => (number === DIMS ? all * value : all), 1);
  if (length !== count * (type === FLOAT ? 4 : 2)) {
    throw new PageError(
      `These are not the weights of BVLC's GoogLeNet under Caffe's names: ${name} is ` +
        `${length === undefined ? "missing" : "of another size"}.`,
    );
  }
  const kept = parts.filter(({ number }) => number !== DATA_TYPE && number !== EXTERNAL_DATA);
  const place = Object.entries({ location, offset, length });
  return joined([
    ...kept.map(({ whole }) => whole),
    field(DATA_TYPE, type),
    ...place.map(([key, value]) =>
      field(EXTERNAL_DATA, joined([field(1, key), field(2, String(value))])),
    ),
  ]);
}
