// One image at a time.

import { get } from "./api.js";
import { answerName, classOfKey, SPECIAL } from "./answers.js";
import { ClassList } from "./class_list.js";
import { announce, counted, h, percent } from "./dom.js";
import { picture } from "./pictures.js";
import { Stage } from "./zoom.js";

const AHEAD = 12; // items that are asked for at once
const FEW = 8; // with so many left, more are asked for
const TWICE = 120; // milliseconds: an answer so soon after the picture came is a key pressed twice

export class SingleView {
  /** `given`: items to answer here first, such as those marked in a grid; `idle()`: nothing is left to show. */
  constructor(app, { given = [], idle }) {
    this.app = app;
    this.idle = idle;
    this.queue = [...given];
    this.item = this.first = null;
    this.stage = new Stage();
    this.list = new ClassList({ choose: (answer, event) => this.#clicked(answer, event), add: () => app.addClass() });
    this.heading = h("h1", { class: "ask" });
    this.hint = h("p", { class: "hint" });
    this.tools = h("div", { class: "actions" },
      this.#tool("z", "Undo", () => this.undo()), this.#tool("s", "Skip", () => this.skip()),
      this.#tool("+", "Zoom", () => this.stage.zoom(1.5)), this.#tool("0", "Fit", () => this.stage.fit()),
      (this.toGrid = this.#tool("g", "Grid", () => app.setMode("grid"))));
    this.element = h("section", { class: "single", "aria-label": "One image" },
      this.stage.element,
      h("div", { class: "panel" }, h("div", { class: "asking" }, this.heading, this.hint), this.list.element, this.tools));
    this.update();
  }

  #tool(key, name, action) {
    return h("button", { type: "button", class: "tool", "aria-keyshortcuts": key, onclick: action },
      h("kbd", {}, key), name);
  }

  update() {
    const { classes, question, options } = this.app.state;
    this.list.update(classes);
    if (options.suggestions !== this.suggestions) {
      this.suggestions = options.suggestions;
      if (this.item && this.shown !== null && this.first === null) this.#ask();
    }
    this.toGrid.hidden = !question?.n_grid;
    if (question && question.id !== this.question) {
      this.question = question.id;
      if (this.item && !this.item.marked) this.queue = this.queue.filter((item) => item.marked);
    }
    if (!this.item && !this.loading) this.#next();
  }

  close() {
    this.closed = true;
  }

  // --- which image

  /** Asks for more items. Calls at the same time share one request. */
  #fill() {
    this.filling ??= this.#askForMore().finally(() => (this.filling = null));
    return this.filling;
  }

  async #askForMore() {
    const since = performance.now();
    try {
      const { items } = await get("/api/next", { who: this.app.who, n: AHEAD });
      const known = new Set(this.queue.map((item) => item.index).concat(this.item?.index ?? []));
      const fresh = items.filter(({ index }) => !known.has(index) && !this.app.outbox.concerns(index, since));
      this.queue.push(...fresh);
    } catch {
      this.app.lost();
    }
    this.#prefetch();
  }

  #prefetch() {
    for (const { index } of this.queue.slice(0, AHEAD)) picture(index).catch(() => {});
  }

  async #next() {
    [this.item, this.first] = [null, null];
    this.loading = true;
    if (this.queue.length === 0) await this.#fill();
    else if (this.queue.length <= FEW) this.#fill();
    this.loading = false;
    if (this.closed) return;
    const item = this.queue.shift();
    if (item) await this.#show(item);
    else if (!this.app.offline) this.idle();
  }

  async #show(item) {
    this.item = item;
    this.shown = null;
    this.#prefetch();
    const slow = setTimeout(() => this.item === item && this.stage.say("Loading the picture …"), 200);
    try {
      const image = await picture(item.index);
      if (this.item !== item || this.closed) return;
      this.stage.show(item, image, "The image to label");
    } catch {
      if (this.item !== item || this.closed) return;
      this.stage.say(h("p", {}, "This picture could not be loaded."),
        h("button", { type: "button", onclick: () => this.#show(item) }, "Try again"));
    } finally {
      clearTimeout(slow);
    }
    [this.shown, this.away] = [performance.now(), 0];
    this.#ask();
  }

  #ask() {
    const { item } = this;
    const suggestion = this.#suggested("before");
    this.list.mark(suggestion);
    this.element.dataset.index = item.index;
    this.heading.textContent = item.decide ? "Answers differ: which is right?" : "What is it?";
    const { classes, question } = this.app.state;
    const name = suggestion && answerName(suggestion.class, classes);
    const said = Object.entries(item.decide ?? {}).map(([who, answer]) => `${who}: ${answerName(answer, classes)}`);
    this.hint.replaceChildren(...(
      suggestion ? [h("kbd", {}, "Space"), " takes the suggestion"]
        : said.length > 0 ? [said.join(" · ")]
        : question?.purpose.startsWith("seed") ? [`${question.why ?? ""} `,
          h("span", { class: "with-keys" }, "Press the key of its class, or click it."), h("span", { class: "with-fingers" }, "Tap the class of each image.")]
        : item.blind && !item.again && question?.why ? [question.why] : []));
    announce(suggestion ? `Next image. Suggestion: ${name}` : "Next image");
  }

  /** The suggestion of the item if it is shown in this way, or null. */
  #suggested(way) {
    const { suggestion, blind } = this.item;
    return !blind && this.app.state.options.suggestions === way ? suggestion : null;
  }

  // --- answers

  #clicked(answer, event) {
    if (event.detail > 0) this.stage.element.focus(); // by mouse: Space must not press the button again
    this.answer(answer);
  }

  answer(answer) {
    if (!this.item || this.shown === null || performance.now() - this.shown < TWICE) return;
    const after = this.#suggested("after");
    if (after && this.first === null && after.class !== answer) this.#compare(answer, after);
    else this.#give(answer);
  }

  /** Shows the suggestion after an answer that differs from it. */
  #compare(answer, suggestion) {
    this.first = answer;
    this.firstSeconds = this.#seconds();
    this.list.mark(suggestion, answer);
    const { classes } = this.app.state;
    const [mine, other] = [answerName(answer, classes), answerName(suggestion.class, classes)];
    this.heading.textContent = "The classifier sees it differently";
    this.hint.replaceChildren(h("span", { class: "either" },
      h("button", { type: "button", class: "primary", onclick: () => this.#give(answer) }, h("kbd", {}, "Enter"), `Keep ${mine}`),
      h("button", { type: "button", onclick: () => this.#give(suggestion.class) }, h("kbd", {}, "Space"),
        `Change to ${other} (${percent(suggestion.confidence)})`)));
    announce(`The classifier suggests ${other}. Enter keeps ${mine}, Space changes it.`);
  }

  #seconds() {
    return Math.max(0, (performance.now() - this.shown - this.away) / 1000);
  }

  #give(answer) {
    const { item } = this;
    if (item.decide) {
      this.app.send("/api/review", { who: this.app.who, index: item.index, answer, seconds: this.#seconds() });
      return this.#next();
    }
    const { suggestions } = this.app.state.options;
    const suggestion = item.blind ? null : (item.suggestion?.class ?? null);
    const common = { index: item.index, grid: null, suggestion: suggestions === "off" ? null : suggestion,
                     shown: item.blind ? "off" : suggestions };
    const seconds = this.#seconds();
    const answers = [];
    if (this.first !== null && this.first !== answer) {
      answers.push({ ...common, answer: this.first, seconds: this.firstSeconds });
      answers.push({ ...common, answer, seconds: seconds - this.firstSeconds });
    } else answers.push({ ...common, answer, seconds });
    this.app.send("/api/answers", { who: this.app.who, answers });
    this.#next();
  }

  async undo() {
    if (this.first !== null) {
      this.first = null;
      this.#ask();
      return;
    }
    const { index, indices = [index] } = await this.app.send("/api/undo", { who: this.app.who });
    if (index === null || index === undefined) {
      announce("Nothing to undo");
      return;
    }
    announce(`${counted(indices.length, "answer")} taken back`);
    if (this.closed) return;
    if (this.item) this.queue.unshift(this.item);
    this.queue = this.queue.filter((item) => !indices.includes(item.index));
    const again = indices.map((each) => ({ index: each, blind: true, again: true, suggestion: null }));
    this.queue.unshift(...again.slice(1));
    await this.#show(again[0]);
  }

  skip() {
    if (!this.item || this.shown === null) return;
    this.app.send("/api/skip", { who: this.app.who, index: this.item.index });
    announce("Skipped: it comes again at the end");
    this.#next();
  }

  /** Time during which the page was out of sight does not count. */
  visibility(hidden) {
    if (hidden) this.hiddenSince = performance.now();
    else if (this.hiddenSince) this.away += performance.now() - this.hiddenSince;
  }

  key(event) {
    const { key } = event;
    if (this.stage.key(event)) return true;
    if (key === "z" || key === "Backspace") this.undo();
    else if (key === "/") return this.list.find();
    else if (event.repeat) return false;
    else if (key === "s") this.skip();
    else if (key === " " || key === "Enter") return this.#confirm(key);
    else {
      const special = SPECIAL.find((each) => each.key === key);
      const found = special ? special.answer : classOfKey(key, this.app.state.classes)?.number;
      if (found === undefined) return false;
      this.answer(found);
    }
    return true;
  }

  #confirm(key) {
    if (!this.item || this.shown === null) return false;
    if (this.first !== null) this.answer(key === "Enter" ? this.first : this.#suggested("after").class);
    else if (this.#suggested("before")) this.answer(this.#suggested("before").class);
    else return false;
    return true;
  }
}
