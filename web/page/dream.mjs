// The loop of engine/deepdream.py, operation for operation.

import { PageError } from "./errors.mjs";
import { octaveSizes, resize } from "./octaves.mjs";
import { add, clip, deprocess, limits, meanScale, preprocess, roll, subtract } from "./planes.mjs";
import { Random } from "./random.mjs";

const NO_GRADIENT = 1e-30; // a smaller mean is rounding, and changes nothing

/**
 * Dream on a picture { rgba, height, width }; its transparency is kept.
 *
 * `model` has `info` and `step(planes, length, down, across)`. `settings` are those of
 * engine/settings.py, the seed a BigInt. `onStep` hears of each step; a promise of false is the end.
 */
export async function dream(model, picture, settings, onStep = () => {}) {
  const { info } = model;
  const { height, width } = picture;
  if (Math.min(height, width) < info.stride) {
    throw new PageError(
      `The picture is ${width}×${height} pixels, too small for this layer: both sides must be ` +
        `${info.stride} or more. Choose an earlier layer or a larger picture.`,
    );
  }
  const base = preprocess(picture, info);
  const sizes = octaveSizes(height, width, settings.octaves, settings.octave_scale, info.stride);
  const climb = new Climb(model, settings, sizes, onStep);
  const bases = cascade(base, sizes);
  let [image, below] = [bases[0], bases[0]];
  for (const octave of bases) {
    const dreamt = resize(subtract(image, below), octave.height, octave.width);
    image = await climb.octave(add(octave, dreamt));
    below = octave;
    if (climb.stopped) {
      // What was dreamt so far belongs on the whole picture.
      image = add(base, resize(subtract(image, octave), height, width));
      break;
    }
  }
  clip(image, limits(info));
  return {
    rgba: withAlpha(deprocess(image, info), picture.rgba),
    height,
    width,
    sizes,
    steps: climb.steps,
    idleSteps: climb.idleSteps,
    stopped: climb.stopped,
  };
}

/** Return the picture at each size, each made from the next larger. */
function cascade(base, sizes) {
  const octaves = [base];
  for (const size of sizes.slice(0, -1).reverse()) octaves.unshift(resize(octaves[0], ...size));
  return octaves;
}

function withAlpha(rgba, original) {
  for (let i = 3; i < rgba.length; i += 4) rgba[i] = original[i];
  return rgba;
}

/** The iterations of a dream. */
class Climb {
  constructor(model, settings, sizes, onStep) {
    Object.assign(this, { model, settings, sizes, onStep, stopped: false });
    Object.assign(this, { work: 0, octaves: 0, steps: 0, idleSteps: 0 });
    this.random = new Random(settings.seed);
    this.length = settings.step * meanScale(model.info); // `step` is in levels of the picture
    this.totalWork = settings.iterations * sizes.reduce((sum, [h, w]) => sum + h * w, 0);
  }

  /** Return planes after every iteration of one octave. */
  async octave(image) {
    const { iterations, jitter } = this.settings;
    // Each step leaves the picture where the next one wants it.
    const shifts = this.random.shifts(iterations, jitter).map(([across, down]) => [down, across]);
    let at = shifts[0];
    let rolled = roll(image, ...at);
    this.octaves += 1;
    for (let iteration = 1; iteration <= iterations && !this.stopped; iteration++) {
      const to = shifts[Math.min(iteration, iterations - 1)];
      const found = await this.model.step(rolled, this.length, to[0] - at[0], to[1] - at[1]);
      [rolled, at] = [found.next, to];
      if (!(found.mean > NO_GRADIENT && found.mean < Infinity)) this.idleSteps += 1; // NaN counts
      await this.tell(iteration, rolled, at);
    }
    return roll(rolled, -at[0], -at[1]);
  }

  async tell(iteration, rolled, at) {
    const { height, width } = rolled;
    this.steps += 1;
    this.work += height * width;
    const answer = await this.onStep({
      octave: this.octaves,
      octaves: this.sizes.length,
      iteration,
      iterations: this.settings.iterations,
      height,
      width,
      fraction: this.work / this.totalWork,
      work: this.work,
      totalWork: this.totalWork,
      preview: () => deprocess(roll(rolled, -at[0], -at[1]), this.model.info),
    });
    this.stopped = answer === false;
  }
}
