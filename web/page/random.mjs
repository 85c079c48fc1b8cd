// numpy.random.default_rng: PCG64, seeded by SeedSequence. A seed means the same here and there.

const MASK_32 = (1n << 32n) - 1n;
const MASK_64 = (1n << 64n) - 1n;
const MASK_128 = (1n << 128n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const POOL_SIZE = 4;

const unsigned = (x) => x >>> 0;
const folded = (x) => unsigned(x ^ (x >>> 16));

/** SeedSequence's hash. */
function hasher(constant, multiplier) {
  return (value) => {
    const mixed = unsigned(value ^ constant);
    constant = unsigned(Math.imul(constant, multiplier));
    return folded(unsigned(Math.imul(mixed, constant)));
  };
}

function mix(x, y) {
  return folded(unsigned(Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)));
}

/** Return four numbers of 64 bits: SeedSequence(seed).generate_state(4, uint64). */
function seedState(seed) {
  const entropy = [];
  for (let rest = seed; rest || !entropy.length; rest >>= 32n) entropy.push(Number(rest & MASK_32));
  const hash = hasher(0x43b0d7e5, 0x931e8875);
  const pool = Array.from({ length: POOL_SIZE }, (_, i) => hash(entropy[i] ?? 0));
  for (let from = 0; from < POOL_SIZE; from++) {
    for (let to = 0; to < POOL_SIZE; to++) {
      if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
    }
  }
  for (const word of entropy.slice(POOL_SIZE)) {
    for (let to = 0; to < POOL_SIZE; to++) pool[to] = mix(pool[to], hash(word));
  }
  const draw = hasher(0x8b51f9dd, 0x58f38ded);
  const words = Array.from({ length: 8 }, (_, i) => BigInt(draw(pool[i % POOL_SIZE])));
  return [0, 2, 4, 6].map((i) => words[i] | (words[i + 1] << 32n));
}

export class Random {
  /** `seed` is a BigInt, 0 or more. */
  constructor(seed) {
    const [stateHigh, stateLow, incrementHigh, incrementLow] = seedState(seed);
    this.increment = ((((incrementHigh << 64n) | incrementLow) << 1n) | 1n) & MASK_128;
    this.state = 0n;
    this.kept = null; // the second half of a number
    this.advance();
    this.state = (this.state + ((stateHigh << 64n) | stateLow)) & MASK_128;
    this.advance();
  }

  advance() {
    this.state = (this.state * MULTIPLIER + this.increment) & MASK_128;
  }

  next64() {
    this.advance();
    const value = ((this.state >> 64n) ^ this.state) & MASK_64;
    const turn = this.state >> 122n;
    return ((value >> turn) | (value << (64n - turn))) & MASK_64;
  }

  next32() {
    const value = this.kept ?? this.next64();
    this.kept = this.kept === null ? value >> 32n : null;
    return value & MASK_32;
  }

  /** Return a number from 0 to `span - 1`, by Lemire's method. */
  below(span) {
    const bound = BigInt(span);
    const smallest = ((1n << 32n) - bound) % bound;
    let product = this.next32() * bound;
    while ((product & MASK_32) < smallest) product = this.next32() * bound;
    return Number(product >> 32n);
  }

  /** Return `count` pairs from -most to most: integers(-most, most + 1, (count, 2)). */
  shifts(count, most) {
    const one = () => (most ? this.below(2 * most + 1) - most : 0);
    return Array.from({ length: count }, () => [one(), one()]);
  }
}
