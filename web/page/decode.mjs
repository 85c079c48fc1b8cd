// From a file to a picture { rgba, height, width }, upright and in sRGB.

import { PageError } from "./errors.mjs";

/** Decode a picture; its longer side is brought to `side` pixels, if it is longer. */
export async function decode(blob, side) {
  if (!blob.size) throw new PageError("The file is empty: copy or download it again.");
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob); // turned as EXIF says, its colour profile applied
  } catch (error) {
    const { whyNot } = await import("./later/why_not.mjs");
    throw new PageError(await whyNot(blob, error));
  }
  const full = { height: bitmap.height, width: bitmap.width };
  const scale = Math.min(1, side / Math.max(full.height, full.width));
  const height = Math.max(1, Math.round(full.height * scale));
  const width = Math.max(1, Math.round(full.width * scale));
  const context = contextOf(shrunk(bitmap, height, width), height, width);
  const rgba = context.getImageData(0, 0, width, height).data;
  return { rgba, height, width, full };
}

/** Halve until the rest is less: one large step would leave pixels out. */
function shrunk(bitmap, height, width) {
  let source = bitmap;
  while (source.height >= 2 * height && source.width >= 2 * width) {
    const half = (length) => Math.ceil(length / 2);
    source = contextOf(source, half(source.height), half(source.width)).canvas;
  }
  return source;
}

function contextOf(source, height, width) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  if (!context) throw new RangeError("no memory for the picture");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, width, height);
  return context;
}
