// Octave sizes, and the linear resizing between them: engine/octaves.py, bit for bit.

/** Python's round: halves go to the even neighbour. */
function roundHalfToEven(x) {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/** Return [height, width] of each octave of a picture, smallest first. */
export function octaveSizes(height, width, octaves, scale, minimum) {
  const sizes = [];
  const shrunk = (length) => roundHalfToEven(length * (1 / scale));
  let size = [height, width];
  while (sizes.length < octaves && Math.min(...size) >= minimum) {
    sizes.unshift(size);
    size = size.map(shrunk);
  }
  return sizes;
}

/** Resize planes linearly, corner to corner. */
export function resize({ data, height: old, width: wide }, height, width) {
  const rows = (array, across) => alongAxis(array, 3, old, across, height);
  const columns = (array, down) => alongAxis(array, 3 * down, wide, 1, width);
  // Each pass costs what it writes.
  const rowsFirst = height * wide <= old * width;
  const resized = rowsFirst ? columns(rows(data, wide), height) : rows(columns(data, old), width);
  return { data: resized, height, width };
}

/** Resize an array [outer, old, inner] to [outer, count, inner]. */
function alongAxis(data, outer, old, inner, count) {
  const { lower, upper, weight } = neighbours(old, count);
  const resized = new Float32Array(outer * count * inner);
  for (let block = 0, to = 0; block < outer; block++) {
    for (let i = 0; i < count; i++) {
      const first = (block * old + lower[i]) * inner;
      const second = (block * old + upper[i]) * inner;
      for (let x = 0; x < inner; x++) {
        resized[to++] = blend(data[first + x], data[second + x], weight[i]);
      }
    }
  }
  return resized;
}

/** For each of `count` samples: the two of `old` around it, and the second's weight. */
function neighbours(old, count) {
  const lower = new Int32Array(count);
  const upper = new Int32Array(count);
  const weight = new Float32Array(count);
  const step = (old - 1) / (count - 1); // as numpy.linspace
  for (let i = 0; i < count; i++) {
    const position = count === 1 ? 0 : i === count - 1 ? old - 1 : i * step;
    lower[i] = Math.trunc(position);
    upper[i] = Math.min(lower[i] + 1, old - 1);
    weight[i] = position - lower[i];
  }
  return { lower, upper, weight };
}

/** In float32, whose every operation rounds. */
function blend(lower, upper, weight) {
  return lower + Math.fround(Math.fround(upper - lower) * weight);
}
