// Thumbnails of what is on the screen, many in one request; what was scrolled past is never asked for.

import { batchPath, getJson } from "../api.js";
import { pause } from "../event_stream.js";

const AT_ONCE = 100;
const IN_FLIGHT = 2;
const KEPT = 6000;

export class Thumbnails {
  #batchId;
  #onLoad;
  #signal;
  #kept = new Map();
  #wanted = [];
  #asked = new Set();
  #running = 0;

  /** `onLoad(seqs)` is told which have come. */
  constructor(batchId, onLoad, signal) {
    this.#batchId = batchId;
    this.#onLoad = onLoad;
    this.#signal = signal;
  }

  /** The picture's URL, or nothing yet. */
  get(seq) {
    return this.#kept.get(seq) ?? null;
  }

  /** Load these next, instead of what was wanted before. */
  want(seqs) {
    this.#wanted = seqs.filter((seq) => !this.#kept.has(seq) && !this.#asked.has(seq));
    this.#pump();
  }

  #pump() {
    while (this.#wanted.length && this.#running < IN_FLIGHT && !this.#signal.aborted) {
      this.#load(this.#wanted.splice(0, AT_ONCE));
    }
  }

  async #load(seqs) {
    this.#running += 1;
    seqs.forEach((seq) => this.#asked.add(seq));
    try {
      const path = batchPath(this.#batchId, `thumbnails?seqs=${seqs.join(",")}`);
      const { data } = await getJson(path, { signal: this.#signal });
      data.forEach(({ seq, thumbnail }) => this.#keep(seq, thumbnail));
      this.#onLoad(seqs);
    } catch (error) {
      if (this.#signal.aborted) return;
      await pause(1000 * (error.retryAfterS ?? 2), this.#signal);
      seqs.forEach((seq) => this.#asked.delete(seq));
      this.#onLoad(seqs);
    } finally {
      this.#running -= 1;
      this.#pump();
    }
  }

  #keep(seq, url) {
    this.#kept.set(seq, url);
    if (this.#kept.size <= KEPT) return;
    const oldest = this.#kept.keys().next().value;
    this.#kept.delete(oldest);
    this.#asked.delete(oldest);
  }
}
