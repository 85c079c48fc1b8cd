// What measure/statistics.py does with samples.

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Return in what three samples or more did not settle; null when they did. */
export function whyUnstable(samples) {
  const mean = samples.reduce((sum, one) => sum + one, 0) / samples.length;
  const squares = samples.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  const spread = Math.sqrt(squares / (samples.length - 1)) / mean;
  if (spread > 0.1) return `the standard deviation is ${Math.round(100 * spread)}% of the mean`;
  const range = Math.max(...samples) / Math.min(...samples);
  return range > 1.5 ? `the slowest took ${range.toFixed(1)} times the fastest` : null;
}
