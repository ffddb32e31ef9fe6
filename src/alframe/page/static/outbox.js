// What this page has to tell the server, in order. An entry stays until the server has acknowledged it: it is
// repeated with the same key, so that a lost reply neither loses nor doubles an answer. Entries survive a reload.

import { post, requestKey } from "./api.js";

const STORAGE = "alframe.unsent";
const NEVER = new Set([400, 404, 409, 413]); // a request so refused is not repeated
const FIRST_PAUSE = 300, LONGEST_PAUSE = 3000; // milliseconds

export class Outbox {
  /** `changed()` is called when the number of entries changes, `refused(entry, error)` for one the server
   * will never take, `lost(error)` when the server does not answer, `back()` when it answers again. */
  constructor({ changed, refused, lost, back }) {
    Object.assign(this, { changed, refused, lost, back });
    this.trial = null;
    this.entries = [];
    this.waiting = new Map(); // key -> [resolve, reject]
    this.acknowledged = new Map(); // index -> when
    this.sending = false;
  }

  /** Binds the page to a trial. Returns how many unsent answers of another trial were dropped. */
  bind(trial) {
    this.trial = trial;
    const kept = JSON.parse(sessionStorage.getItem(STORAGE) ?? "null");
    if (kept === null) return 0;
    if (kept.trial !== trial) {
      sessionStorage.removeItem(STORAGE);
      return kept.entries.length;
    }
    this.entries = kept.entries;
    this.changed();
    this.#send();
    return 0;
  }

  /** Adds a request; the promise has the server's reply. */
  add(path, body) {
    const entry = { path, body: { ...body, key: requestKey(), trial: this.trial } };
    this.entries.push(entry);
    this.#keep();
    const reply = new Promise((resolve, reject) => this.waiting.set(entry.body.key, [resolve, reject]));
    reply.catch(() => {}); // told by `refused`
    this.#send();
    return reply;
  }

  /** Number of answers that the server has not acknowledged. */
  get unsent() {
    return this.entries.reduce((n, { body }) => n + (body.answers?.length ?? 1), 0);
  }

  /** True if an answer to the image is on its way, or was acknowledged after the time `since`. */
  concerns(index, since) {
    const under_way = this.entries.some(({ body }) =>
      body.index === index || body.answers?.some((each) => each.index === index));
    return under_way || (this.acknowledged.get(index) ?? -1) >= since;
  }

  /** Tries again at once. */
  retry() {
    this.wake?.();
  }

  #keep() {
    if (this.entries.length === 0) sessionStorage.removeItem(STORAGE);
    else sessionStorage.setItem(STORAGE, JSON.stringify({ trial: this.trial, entries: this.entries }));
    this.changed();
  }

  async #send() {
    if (this.sending) return;
    this.sending = true;
    let pause = FIRST_PAUSE;
    while (this.entries.length > 0) {
      const entry = this.entries[0];
      try {
        const reply = await post(entry.path, entry.body);
        if (pause !== FIRST_PAUSE) this.back();
        pause = FIRST_PAUSE;
        this.#done(entry);
        this.#settle(entry, 0, reply);
      } catch (error) {
        if (!NEVER.has(error.status)) {
          this.lost(error);
          await this.#rest(pause);
          pause = Math.min(2 * pause, LONGEST_PAUSE);
        } else {
          this.#done(entry);
          this.refused(entry, error);
          this.#settle(entry, 1, error);
        }
      }
    }
    this.sending = false;
  }

  #done(entry) {
    this.entries.shift();
    for (const { index } of entry.body.answers ?? [entry.body]) this.acknowledged.set(index, performance.now());
    this.#keep();
  }

  #settle(entry, which, value) {
    this.waiting.get(entry.body.key)?.[which](value);
    this.waiting.delete(entry.body.key);
  }

  #rest(milliseconds) {
    return new Promise((resolve) => {
      this.wake = resolve;
      setTimeout(resolve, milliseconds);
    });
  }
}
