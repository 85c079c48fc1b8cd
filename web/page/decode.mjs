// From a file to a picture { rgba, height, width }, upright and in sRGB.

import { PageError } from "./errors.mjs";

/** Decode a picture; its longer side is brought to `side` pixels, if it is longer. */
export async function decode(blob, side) {
  if (!blob.size) throw new PageError("The file is empty: copy or download it again.");
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob); // turned as EXIF says, its colour profile applied
  } catch (error) {
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

/** Halve until the rest is less than half: one large step would leave pixels out. */
function shrunk(bitmap, height, width) {
  let source = bitmap;
  while (source.height >= 2 * height && source.width >= 2 * width) {
    const [halfHeight, halfWidth] = [Math.ceil(source.height / 2), Math.ceil(source.width / 2)];
    source = contextOf(source, halfHeight, halfWidth).canvas;
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

async function whyNot(blob, error) {
  const bytes = new Uint8Array(await blob.slice(0, 16).arrayBuffer());
  const beginning = String.fromCharCode(...bytes);
  if (/^.{4}ftyp(hei|hev|mif1|msf1)/s.test(beginning)) {
    return (
      "This is a HEIC picture, which this browser cannot read (Safari can): save it as JPEG, or " +
      "have the phone take “most compatible” pictures."
    );
  }
  if (/^(\x89PNG|\xff\xd8\xff|RIFF|GIF8|BM)/.test(beginning)) {
    return (
      `The picture is damaged, or too large for this browser (${error.message}). ` +
      "Copy it again, or make it smaller first."
    );
  }
  return "This file is not a picture that this browser can read. Use JPEG, PNG or WebP.";
}
