// PNG with text: a canvas would write no text, and would lose colours under transparency.

import { joined } from "../bytes.mjs";

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const UP = 2; // the filter of every row

const CHECKSUMS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  return sum;
});

/** Encode { rgba, height, width } as PNG, with `text` by keys of ASCII. */
export async function encodePng({ rgba, height, width }, text = {}) {
  const channels = isOpaque(rgba) ? 3 : 4;
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, channels === 3 ? 2 : 6], 8); // bits of a value; RGB or RGBA
  const pixels = await deflated(filtered(rgba, height, width, channels));
  return joined([
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", header),
    ...Object.entries(text).map(([key, value]) => chunk("iTXt", textEntry(key, value))),
    chunk("IDAT", pixels),
    chunk("IEND", new Uint8Array()),
  ]);
}

function isOpaque(rgba) {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] < 255) return false;
  return true;
}

/** Return each row as its differences from the one above. */
function filtered(rgba, height, width, channels) {
  const length = width * channels + 1;
  const rows = new Uint8Array(height * length);
  for (let y = 0, to = 0; y < height; y++) {
    rows[to++] = UP;
    for (let x = 0; x < width; x++) {
      const from = 4 * (y * width + x);
      for (let channel = from; channel < from + channels; channel++) {
        rows[to++] = rgba[channel] - (y ? rgba[channel - 4 * width] : 0);
      }
    }
  }
  return rows;
}

async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Text of any language, neither compressed nor translated. */
function textEntry(key, value) {
  const encoder = new TextEncoder();
  return joined([encoder.encode(key), new Uint8Array(5), encoder.encode(value)]);
}

function chunk(kind, content) {
  const whole = new Uint8Array(content.length + 12);
  const view = new DataView(whole.buffer);
  view.setUint32(0, content.length);
  whole.set(new TextEncoder().encode(kind), 4);
  whole.set(content, 8);
  view.setUint32(content.length + 8, checksum(whole.subarray(4, -4)));
  return whole;
}

function checksum(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = CHECKSUMS[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}
