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
export function resize(planes, height, width) {
  // Each pass costs what it writes.
  return height * planes.width <= planes.height * width
    ? resizeColumns(resizeRows(planes, height), width)
    : resizeRows(resizeColumns(planes, width), height);
}

function resizeRows({ data, height: old, width }, height) {
  const { lower, upper, weight } = neighbours(old, height);
  const resized = new Float32Array(3 * height * width);
  for (let plane = 0; plane < 3; plane++) {
    for (let y = 0; y < height; y++) {
      const above = (plane * old + lower[y]) * width;
      const below = (plane * old + upper[y]) * width;
      const to = (plane * height + y) * width;
      for (let x = 0; x < width; x++) {
        resized[to + x] = blend(data[above + x], data[below + x], weight[y]);
      }
    }
  }
  return { data: resized, height, width };
}

function resizeColumns({ data, height, width: old }, width) {
  const { lower, upper, weight } = neighbours(old, width);
  const resized = new Float32Array(3 * height * width);
  for (let row = 0; row < 3 * height; row++) {
    for (let x = 0; x < width; x++) {
      const [left, right] = [data[row * old + lower[x]], data[row * old + upper[x]]];
      resized[row * width + x] = blend(left, right, weight[x]);
    }
  }
  return { data: resized, height, width };
}

/** For each of `count` samples: the two of `old` samples around it, and the second's weight. */
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

/** Interpolate in float32, whose every operation rounds. */
function blend(lower, upper, weight) {
  return lower + Math.fround(Math.fround(upper - lower) * weight);
}
