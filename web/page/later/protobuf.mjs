// The wire format of Protocol Buffers, as far as models need it: src/ort_deepdream/protobuf.py.

import { joined } from "../bytes.mjs";

const [VARINT, FIXED64, LENGTH] = [0, 1, 2];

/** Yield a message's fields: their `number`, their `value` (a number, or bytes), and `whole`. */
export function* fields(message) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = message[at++];
      value += (byte & 127) * unit;
      if (!(byte > 127)) return value; // nor is one beyond the end
    }
  };
  while (at < message.length) {
    const start = at;
    const tag = varint();
    const wire = tag % 8;
    let value;
    if (wire === VARINT) {
      value = varint();
    } else {
      const size = wire === LENGTH ? varint() : wire === FIXED64 ? 8 : 4;
      value = message.subarray(at, (at += size));
    }
    if (wire > 5 || wire === 3 || wire === 4 || at > message.length) throw new Error("damaged");
    yield { number: Math.floor(tag / 8), value, whole: message.subarray(start, at) };
  }
}

/** Return the last value of a message's field, or undefined. */
export function valueOf(message, number) {
  return [...fields(message)].filter((field) => field.number === number).at(-1)?.value;
}

export function textOf(message, number) {
  const value = valueOf(message, number);
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : "";
}

/** Write a field: a number, a text or bytes. */
export function field(number, value) {
  if (typeof value === "number") {
    return Uint8Array.from([...varintOf(number * 8), ...varintOf(value)]);
  }
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return joined([[...varintOf(number * 8 + LENGTH), ...varintOf(bytes.length)], bytes]);
}

function varintOf(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}
