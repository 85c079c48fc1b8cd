// Times in words.

const ENOUGH = 3; // steps: the first ones also compile the program
const WINDOW = 6; // steps that a guess rests on

/** Write seconds as people say them. */
export function clock(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Guesses how long the rest takes, by the last steps. */
export class TimeLeft {
  constructor() {
    this.steps = [];
  }

  /** Return the guess after a step { work, totalWork, elapsed }. */
  after({ work, totalWork, elapsed }) {
    this.steps.push({ work, elapsed });
    if (this.steps.length < ENOUGH) return "";
    const first = this.steps.at(-Math.min(this.steps.length, WINDOW));
    const pace = (elapsed - first.elapsed) / (work - first.work);
    return `About ${clock(Math.ceil(((totalWork - work) * pace) / 1000))} left.`;
  }
}
