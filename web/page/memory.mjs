// WebAssembly memory: how much ONNX Runtime may take, and has taken.

const PAGES_OF_A_MIB = 16;
const LEAST = 4096; // pages, 256 MiB: less than that dreams of nothing

const taken = [];

/** Return the MiB that ONNX Runtime has taken; it gives nothing back. */
export function heap() {
  return taken.reduce((sum, memory) => sum + memory.buffer.byteLength, 0) / 2 ** 20;
}

/**
 * Hand out memories of at most `most` MiB, or of what the device grants: ONNX Runtime asks for
 * 4 GiB, which some phones refuse to reserve.
 */
export function watchMemory(most) {
  const { Memory } = WebAssembly;
  WebAssembly.Memory = new Proxy(Memory, {
    construct(target, [wanted]) {
      if (!wanted.maximum) return new target(wanted); // only to see what is possible
      taken.push(granted(target, wanted, most * PAGES_OF_A_MIB));
      return taken.at(-1);
    },
  });
}

function granted(Memory, wanted, most) {
  const maximum = Math.min(wanted.maximum, most);
  try {
    return new Memory({ ...wanted, maximum });
  } catch (error) {
    if (maximum / 2 < LEAST) throw error;
    return granted(Memory, wanted, Math.floor(maximum / 2));
  }
}
