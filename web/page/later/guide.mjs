// A guide: the picture whose features lead a dream. What engine/guide.py does.

import { decode } from "../decode.mjs";
import { PageError } from "../errors.mjs";
import { preprocess } from "../planes.mjs";
import { sha256Of } from "./digest.mjs";
import { encodePng } from "./png.mjs";

const SIDE = 512; // pixels: with more, an early layer would have more positions than it takes

let last; // the guide that was read last

/** Read a guide, made smaller if need be: { picture, name, png, sha256 }; the last one is kept. */
export async function readGuide(file) {
  const key = `${file.name} ${file.size} ${file.lastModified}`;
  if (last?.key !== key) last = { key, ...(await read(file)) };
  return last;
}

async function read(file) {
  const picture = await decode(file, SIDE);
  const { height, width, full } = picture;
  if (width === full.width && height === full.height) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    return { picture, name: file.name, sha256: await sha256Of(bytes) };
  }
  const png = await encodePng(picture);
  const name = `${file.name.replace(/\.[^.]*$/, "")}-${width}x${height}.png`;
  return { picture, name, png, sha256: await sha256Of(png) };
}

/** Have a picture lead a model, or throw a PageError; its features are computed once. */
export async function lead(model, picture, channel, backend) {
  refuse(model, picture, channel, backend);
  if (model.guide === picture) return;
  const { guides, ort } = model;
  const blank = guides.map(({ channels }) => new Float32Array(channels));
  const names = guides.map(({ layer }) => `features/${layer}`);
  const planes = preprocess(picture, model.info);
  const found = await model.run(names, planes, 0, 0, 0, feed(ort, guides, blank));
  const features = names.map((name) => found[name].data);
  Object.assign(model.constants, feed(ort, guides, features));
  model.guide = picture;
}

function refuse({ guides, info }, picture, channel, backend) {
  const { height, width } = picture ?? {};
  const wrong = [
    [!picture, "This network wants a guide: choose one under More settings."],
    [!guides.length, "This network is for dreams without a guide: leave the guide out."],
    [channel !== null, "A guide leads a whole layer: leave the channel empty."],
    [backend === "webgpu", "Guides are for WebAssembly so far: choose it under More settings."],
    [
      Math.min(height, width) < info.stride,
      `The guide is ${width}×${height} pixels, too small for this layer: both sides must be ` +
        `${info.stride} or more.`,
    ],
  ].find(([holds]) => holds);
  if (wrong) throw new PageError(wrong[1]);
}

/** Return what a step is fed with, of each layer's features [1, C, h, w]. */
function feed(ort, guides, features) {
  const inputs = guides.flatMap(({ layer, channels, parts }, i) => {
    const { rows, numbers } = guideRows(features[i], channels, parts);
    const tensor = (values, across) =>
      new ort.Tensor("float32", values, [values.length / across, across]);
    return [
      [`guide/${layer}`, tensor(rows, channels)],
      [`order/${layer}`, tensor(numbers, 1)],
    ];
  });
  return Object.fromEntries(inputs);
}

/**
 * Return the features [1, C, h, w] as rows [n, C], and their numbers [n, 1]: so many that `parts`
 * divides them, the last one again where they are fewer.
 */
export function guideRows(features, channels, parts) {
  const positions = features.length / channels;
  const count = Math.ceil(positions / parts) * parts;
  const rows = new Float32Array(count * channels);
  for (let row = 0, to = 0; row < count; row++) {
    const position = Math.min(row, positions - 1);
    for (let c = 0; c < channels; c++) rows[to++] = features[c * positions + position];
  }
  return { rows, numbers: Float32Array.from({ length: count }, (_, row) => row) };
}
