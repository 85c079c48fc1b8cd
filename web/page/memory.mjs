// WebAssembly memory: how much ONNX Runtime may reserve, and how much it has taken.

const PAGES_OF_A_MIB = 16;
const LEAST = 4096; // pages, 256 MiB: less than that dreams of nothing

const taken = [];

/** Return the MiB that ONNX Runtime has taken; it gives nothing back. */
export function heap() {
  return taken.reduce((sum, memory) => sum + memory.buffer.byteLength, 0) / 2 ** 20;
}

/**
 * Hand out memories that the device grants, of at most `most` MiB.
 *
 * ONNX Runtime asks for one that may grow to 4 GiB. Some phones refuse to reserve that much, and
 * the same program runs in less.
 */
export function watchMemory(most) {
  const { Memory } = WebAssembly;
  WebAssembly.Memory = new Proxy(Memory, {
    construct(target, [wanted]) {
      const memory = granted(target, wanted, most * PAGES_OF_A_MIB);
      if (wanted.maximum) taken.push(memory); // and not one that only tries what is possible
      return memory;
    },
  });
}

function granted(Memory, wanted, most) {
  if (!wanted.maximum) return new Memory(wanted);
  let maximum = Math.max(Math.min(wanted.maximum, most), wanted.initial);
  for (;;) {
    try {
      return new Memory({ ...wanted, maximum });
    } catch (error) {
      if (maximum / 2 < Math.max(LEAST, wanted.initial)) throw error;
      maximum = Math.floor(maximum / 2);
    }
  }
}
