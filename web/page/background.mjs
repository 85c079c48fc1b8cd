// The page's side of worker.mjs.

import { PageError } from "./errors.mjs";

export class Stopped extends Error {
  message = "Stopped at once. The steps so far are lost.";
}

export class Background {
  constructor({ onLoading, onStep }, script = "worker.mjs", query = location.search) {
    Object.assign(this, { onLoading, onStep, script, query });
    this.worker = null;
    this.waiting = new Map();
    this.count = 0;
  }

  /** Return a promise of the result of one of worker.mjs's tasks. */
  ask(task, given = {}) {
    this.worker ??= this.start();
    const id = (this.count += 1);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, task, ...given });
    });
  }

  /** End the dream after its step. */
  stop() {
    this.worker?.postMessage("stop");
  }

  /** End everything at once, and free its memory. */
  end(reason = new Stopped()) {
    this.worker?.terminate();
    this.worker = null;
    for (const { reject } of this.waiting.values()) reject(reason);
    this.waiting.clear();
  }

  start() {
    const address = new URL(`${this.script}${this.query}`, import.meta.url);
    const worker = new Worker(address, { type: "module" });
    worker.onmessage = ({ data }) => {
      if (data.loading) this.onLoading(data.loading);
      else if (data.step) this.onStep(data.step);
      else this.answer(data);
    };
    worker.onerror = ({ message }) => {
      this.end(new PageError(`This browser is too old for the page: update it. ${message ?? ""}`));
    };
    return worker;
  }

  answer({ id, result, error }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) reject(new PageError(error));
    else resolve(result);
  }
}
