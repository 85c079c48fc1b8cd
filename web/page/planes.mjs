// Pictures in the network's units: { data, height, width }, `data` a Float32Array of three planes.
// What engine/model.py and engine/ascent.py do, bit for bit.

const { fround } = Math;

/** Make planes of a picture { rgba, height, width }; `units` is a gradient file's info. */
export function preprocess({ rgba, height, width }, units) {
  const size = height * width;
  const data = new Float32Array(3 * size);
  units.order.forEach((channel, plane) => {
    for (let i = 0; i < size; i++) {
      const level = fround(rgba[4 * i + channel] - units.mean[plane]);
      data[plane * size + i] = level * units.scale[plane];
    }
  });
  return { data, height, width };
}

/** Make opaque RGBA bytes of planes, rounded and clipped. */
export function deprocess({ data, height, width }, units) {
  const size = height * width;
  const rgba = new Uint8ClampedArray(4 * size).fill(255); // it rounds and clips as numpy does
  units.order.forEach((channel, plane) => {
    for (let i = 0; i < size; i++) {
      const level = fround(data[plane * size + i] / units.scale[plane]);
      rgba[4 * i + channel] = fround(level + units.mean[plane]);
    }
  });
  return rgba;
}

/** Return black and white in the network's units, each a Float32Array of 3. */
export function limits({ mean, scale }) {
  return [0, 255].map((level) =>
    Float32Array.from(mean, (m, plane) => fround(level - m) * scale[plane]),
  );
}

/** Return the mean scale, which brings a step from levels to the network's units. */
export function meanScale({ scale }) {
  return fround(scale.reduce((sum, one) => fround(sum + one), 0) / 3);
}

export function add({ data, ...size }, other) {
  return { data: data.map((value, i) => value + other.data[i]), ...size };
}

export function subtract({ data, ...size }, other) {
  return { data: data.map((value, i) => value - other.data[i]), ...size };
}

/** Limit each plane to its values of `limits`, in place. */
export function clip({ data }, [low, high]) {
  const size = data.length / 3;
  for (let i = 0; i < data.length; i++) {
    const plane = Math.floor(i / size);
    data[i] = Math.min(Math.max(data[i], low[plane]), high[plane]);
  }
}

/** Roll planes as numpy.roll does. */
export function roll({ data, height, width }, down, across) {
  const rolled = new Float32Array(data.length);
  const shift = modulo(across, width);
  for (let plane = 0; plane < 3; plane++) {
    for (let y = 0; y < height; y++) {
      const row = (plane * height + y) * width;
      const from = data.subarray(row, row + width);
      const to = (plane * height + modulo(y + down, height)) * width;
      rolled.set(from.subarray(0, width - shift), to + shift);
      rolled.set(from.subarray(width - shift), to);
    }
  }
  return { data: rolled, height, width };
}

/** Return the indices that roll `count` values by `shift`. */
export function rolledIndices(count, shift) {
  return BigInt64Array.from({ length: count }, (_, i) => BigInt(modulo(i - shift, count)));
}

function modulo(value, count) {
  return ((value % count) + count) % count;
}
