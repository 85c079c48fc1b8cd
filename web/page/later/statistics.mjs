// What measure/statistics.py does with samples.

const BEYOND_EITHER_END = 40; // of so many medians one: of a 95% interval
const FAR = 0.1; // from it, as a part of it

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Return in what three samples or more did not settle; null when they did. */
export function whyUnstable(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const [value, outside] = [median(sorted), samplesOutside(sorted.length)];
  const reach = Math.max(sorted.at(-1 - outside) - value, value - sorted[outside]) / value;
  const percent = Math.round(100 * reach);
  return reach > FAR ? `the median's interval reaches ${percent}% away from it` : null;
}

/** Return how many of so many samples lie outside of their median's interval at either end. */
function samplesOutside(count) {
  let [ways, upTo] = [1, 1];
  for (let outside = 0; ; outside++) {
    ways *= (count - outside) / (outside + 1);
    upTo += ways;
    if (upTo * BEYOND_EITHER_END > 2 ** count) return outside;
  }
}
