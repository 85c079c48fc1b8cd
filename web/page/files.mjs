// The page's large files, each fetched once.

import { joined } from "./bytes.mjs";
import { PageError } from "./errors.mjs";

const { files, pieces, pieceSize } = self.RELEASE;

export class Files {
  /** `onLoading` hears of bytes that came and that were asked for. */
  constructor(onLoading) {
    this.onLoading = onLoading;
    this.promises = new Map();
    this.done = 0;
    this.total = 0;
  }

  get(path) {
    if (!this.promises.has(path)) {
      const promise = this.fetch(path);
      promise.catch(() => this.promises.delete(path)); // so that it can be tried again
      this.promises.set(path, promise);
    }
    return this.promises.get(path);
  }

  /** Return the first `count` bytes of the weights, which lie in the network's order. */
  async weights(count) {
    const wanted = pieces.slice(0, Math.ceil(count / pieceSize));
    const parts = await Promise.all(wanted.map((path) => this.get(path)));
    return joined(parts).subarray(0, count);
  }

  async fetch(path) {
    const { size } = files[path];
    this.total += size;
    let received = 0;
    const count = (bytes) => {
      received += bytes;
      this.done += bytes;
      this.onLoading(this.done, this.total);
    };
    try {
      return await fetchBytes(path, size, count);
    } catch (error) {
      this.total -= size;
      this.done -= received;
      const reason = `${path}: ${error.message}`;
      throw new PageError(`A part of this page could not be loaded (${reason}). ${REMEDY}`);
    }
  }
}

const REMEDY = "Check the connection and try again, or reload the page.";

async function fetchBytes(path, size, count) {
  const response = await fetch(new URL(path, import.meta.url));
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes.set(value, at); // or a RangeError: it is longer
    at += value.length;
    count(value.length);
  }
  if (at < size) throw new Error("it broke off");
  return bytes;
}
