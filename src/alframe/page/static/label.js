// The view in which people answer: grid or single images, or what is to be done while there is neither.

import { announce, byId, counted, duration, fill, h, number } from "./dom.js";
import { GridView } from "./grid.js";
import { SingleView } from "./single.js";

export class LabelView {
  constructor(app) {
    this.app = app;
    this.element = h("div", { class: "label-view" });
    this.update();
  }

  update() {
    const { state } = this.app;
    const { question, stage } = state;
    if (stage === "training" || !question) this.#wait();
    else if (this.inner && this.question === question.id && !this.waiting) this.inner.update();
    else if (!this.waiting || this.question !== question.id || question.left_for_you > 0) this.#start(question);
    else this.#waitForOthers(question);
  }

  /** Shows grids or single images, whichever the person prefers and there are. */
  #start(question) {
    const was_training = this.waiting === "training";
    this.question = question.id;
    const grid = question.n_grid > 0 && (this.app.mode === "grid" || question.n_single === 0);
    if (grid) this.#grids();
    else this.#singles();
    if (was_training) announce(`${counted(question.left_for_you, "image")} to answer`);
  }

  #grids() {
    this.#set(new GridView(this.app, { idle: () => this.#idle("grid"), single: (items) => this.#singles(items) }));
  }

  #singles(given = []) {
    this.#set(new SingleView(this.app, { given, idle: () => this.#idle("single", given.length > 0) }));
  }

  /** One kind of question is used up: go on with the other kind, or wait. */
  async #idle(kind, back = false) {
    await this.app.refresh();
    const { question, stage } = this.app.state;
    if (stage !== "labelling" || !question) return this.update();
    if (kind === "single" && question.n_grid > 0 && (back || question.n_single === 0)) this.#grids();
    else if (kind === "grid" && question.n_single > 0) this.#singles();
    else this.#waitForOthers(question);
  }

  /** Begins again, for another preference or after what was undone. */
  restart() {
    const { question, stage } = this.app.state;
    if (stage === "labelling" && question) this.#start(question);
    else this.update();
  }

  #set(view) {
    this.inner?.close();
    this.waiting = null;
    this.inner = view;
    this.element.replaceChildren(view.element);
  }

  #wait() {
    const { training, message } = this.app.state;
    if (this.waiting !== "training") {
      this.inner?.close();
      this.inner = null;
      this.waiting = "training";
      this.title = h("h1", {});
      this.sentence = h("p", { class: "lead", id: "training" });
      this.bar = h("progress", { "aria-labelledby": "training" });
      this.element.replaceChildren(h("section", { class: "calm" }, h("div", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")),
        this.title, this.sentence, this.bar,
        h("p", { class: "hint" }, "The next images come by themselves."),
        (this.meanwhile = h("p", { class: "hint" }, "Meanwhile: ",
          h("a", { href: "#gallery" }, "look at the labels"), " or ", h("a", { href: "#progress" }, "see the progress"), "."))));
      announce("The classifier is learning from your answers");
    }
    const { what, seconds_so_far: so_far, seconds_left: left, round, done_share: done } = training ?? {};
    this.meanwhile.hidden = !this.app.state.forecast?.answered;
    this.title.textContent = what ? what[0].toUpperCase() + what.slice(1) : "Getting ready";
    const known = left !== null && left !== undefined;
    const parts = [round && `Round ${round}`, known && `about ${duration(left)} left`].filter(Boolean);
    this.sentence.textContent = parts.join(", ") || message || "One moment …";
    this.bar.hidden = !training;
    if (done !== null && done !== undefined) this.bar.value = done;
    else if (known) this.bar.value = so_far / Math.max(0.001, so_far + left);
    else this.bar.removeAttribute("value");
  }

  #waitForOthers(question) {
    const open = question.wanted - question.answered;
    const several = this.app.state.people.length > 1;
    if (this.waiting !== "others") {
      this.inner?.close();
      this.inner = null;
      this.waiting = "others";
      this.sentence = h("p", { class: "lead" });
      this.element.replaceChildren(h("section", { class: "calm" },
        h("h1", {}, several ? "Nothing left for you in this round" : "All answered"), this.sentence,
        several && h("p", { class: "hint" }, h("a", { href: "#gallery" }, "Look at the labels"), " or ", h("a", { href: "#people" }, "at who answered what"), ".")));
    }
    this.sentence.textContent = several && open > 0
      ? `Others are still answering ${counted(open, "image")}. The page goes on by itself.`
      : "The next step begins in a moment.";
  }

  key(event) {
    return this.inner?.key(event) ?? false;
  }

  visibility(hidden) {
    this.inner?.visibility(hidden);
  }

  close() {
    this.inner?.close();
  }
}

/** Writes how far the trial is into the foot of the page. */
export function footer(app) {
  const { question, forecast, stage } = app.state;
  const parts = [];
  if (question) {
    const answered = Math.min(question.wanted, question.answered + app.unsentSinceState);
    parts.push(h("span", {}, `${answered} of ${question.wanted}`, h("span", { class: "wide-only" }, " in this round")));
  }
  if (question && forecast?.at_most) {
    const so_far = Math.min(forecast.at_most, forecast.answered + app.unsentSinceState);
    parts.push(h("span", { class: "wide-only" }, ` · ${number(so_far)} of ${number(forecast.at_most)} at most in all`));
  }
  if (forecast?.minutes_left && stage === "labelling") parts.push(` · about ${duration(60 * forecast.minutes_left)} left at most`);
  fill(byId("counts"), parts);
}
