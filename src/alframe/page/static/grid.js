// A grid of images that the classifier takes for one class: mark those that are not, confirm the others at once.

import { get } from "./api.js";
import { answerName, classOfKey } from "./answers.js";
import { ClassList } from "./class_list.js";
import { announce, counted, h } from "./dom.js";
import { picture, pictureUrl } from "./pictures.js";

const SMALLEST = 76, SMALLEST_NARROW = 62, LARGEST = 260; // CSS pixels of a cell
const TWICE = 400; // milliseconds: a grid confirmed so soon was not looked at

export class GridView {
  /** `idle()`: no grid is left. `single(items)`: answer these one by one. */
  constructor(app, { idle, single }) {
    Object.assign(this, { app, idle, single });
    this.heading = h("h1", { class: "ask" });
    this.grid = h("div", { class: "grid", role: "listbox", "aria-multiselectable": "true",
      onpointerdown: (event) => this.#drag(event), onclick: (event) => this.#tapped(event), onfocusin: (event) => this.#focused(event), onscroll: () => this.#scrolled() });
    new ResizeObserver(() => this.#arrange()).observe(this.grid);
    this.confirm = h("button", { type: "button", class: "primary big", "aria-keyshortcuts": "Space",
      onclick: () => this.#confirm() });
    this.toolbar = h("div", { class: "grid-tools" }, this.confirm,
      h("button", { type: "button", class: "tool", "aria-keyshortcuts": "z", onclick: () => this.undo() }, h("kbd", {}, "z"), "Undo"),
      h("button", { type: "button", class: "tool", "aria-keyshortcuts": "g", onclick: () => app.setMode("single") }, h("kbd", {}, "g"), "One by one"));
    this.hint = h("p", { class: "hint" });
    this.element = h("section", { class: "grid-view", "aria-label": "Grid" },
      h("div", { class: "grid-head" }, h("div", { class: "asking" }, this.heading, this.hint), this.toolbar), this.grid);
    this.#load();
  }

  update() {
    if (!this.items && !this.loading && !this.corrected) this.#load();
  }

  close() {
    this.closed = true;
  }

  async #load() {
    this.items = null;
    this.loading = true;
    const since = performance.now();
    try {
      const { id, class: number, items } = await get("/api/grid", { who: this.app.who });
      if (this.closed) return;
      const left = items.filter(({ index }) => !this.app.outbox.concerns(index, since));
      if (id === null || left.length === 0) this.idle();
      else await this.#show({ id, number, items: left });
    } catch {
      this.app.lost();
    } finally {
      this.loading = false;
    }
  }

  async #show({ id, number, items }) {
    const pictures = items.map(({ index }) => picture(index, "small").catch(() => null));
    await Promise.race([Promise.all(pictures), new Promise((resolve) => setTimeout(resolve, 1500))]);
    if (this.closed) return;
    Object.assign(this, { id, number, items, marked: new Set(), current: 0, away: 0, shown: performance.now() });
    this.name = answerName(number, this.app.state.classes);
    this.heading.replaceChildren("Is each of these ", h("strong", {}, this.name), "?");
    this.hint.replaceChildren(h("span", { class: "with-keys" }, "Mark those that are not: click, drag, or arrows and ", h("kbd", {}, "x")),
      h("span", { class: "with-fingers" }, "Tap those that are not."));
    this.grid.setAttribute("aria-label", `Images taken for ${this.name}; marked ones are not`);
    this.cells = items.map(({ index }, position) =>
      h("div", { class: "cell", role: "option", "aria-selected": "false", tabIndex: position ? -1 : 0,
        "aria-label": `Image ${position + 1} of ${items.length}` },
        h("img", { src: pictureUrl(index, "small"), alt: "", draggable: false })));
    this.grid.replaceChildren(...this.cells);
    this.grid.scrollTop = this.seen = 0;
    this.#arrange();
    this.cells[0].focus({ preventScroll: true });
    announce(`${counted(items.length, "image")} taken for ${this.name}. Mark those that are not.`);
  }

  /** Makes the cells as large as they can be with all of them in sight, or scrolls where they would be too small. */
  #arrange() {
    if (!this.items) return;
    const style = getComputedStyle(this.grid);
    const gap = parseFloat(style.columnGap);
    const width = this.grid.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const height = this.grid.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    const smallest = width < 500 ? SMALLEST_NARROW : SMALLEST;
    let best = Math.max(1, Math.floor((width + gap) / (smallest + gap))); // columns
    for (let columns = 1; columns <= best; columns++) {
      const side = (width + gap) / columns - gap;
      const rows = Math.ceil(this.items.length / columns);
      if (rows * (side + gap) - gap <= height) best = columns;
    }
    const side = Math.min(LARGEST, (width + gap) / best - gap);
    this.grid.style.gridTemplateColumns = `repeat(${best}, minmax(0, ${side}px))`;
    this.#scrolled();
  }

  #scrolled() {
    if (!this.items) return;
    this.seen = Math.max(this.seen, this.grid.scrollTop + this.grid.clientHeight);
    this.#count();
  }

  /** Number of images that were not in sight yet. */
  #unseen() {
    const bottom = (cell) => cell.offsetTop - this.grid.offsetTop + 0.6 * cell.offsetHeight;
    return this.cells.filter((cell) => bottom(cell) > this.seen).length;
  }

  #count() {
    const kept = this.items.length - this.marked.size;
    const unseen = this.#unseen();
    this.confirm.replaceChildren(h("kbd", {}, "Space"), unseen ? `Show ${unseen} more`
      : kept ? `Confirm ${kept} as ${this.name}` : `None of these is ${this.name}`);
  }

  #mark(position, marked) {
    if (marked) this.marked.add(position);
    else this.marked.delete(position);
    this.cells[position].classList.toggle("marked", marked);
    this.cells[position].setAttribute("aria-selected", String(marked));
    this.#count();
  }

  #drag(start) {
    const at = (event) => this.cells?.indexOf(document.elementFromPoint(event.clientX, event.clientY)?.closest(".cell"));
    const first = at(start);
    if (!this.items || first === undefined || first === -1 || start.button !== 0) return;
    const marked = !this.marked.has(first);
    this.pointer = start.pointerType;
    if (this.pointer === "touch") return; // a finger that moves scrolls, one that taps clicks
    start.preventDefault();
    this.#move(first);
    this.#mark(first, marked);
    const over = (event) => {
      const position = at(event);
      if (position !== -1) this.#mark(position, marked);
    };
    addEventListener("pointermove", over);
    addEventListener("pointerup", () => removeEventListener("pointermove", over), { once: true });
  }

  /** A tap, or a click by an assistive technology; a mouse has marked when it was pressed. */
  #tapped(event) {
    const position = this.cells?.indexOf(event.target.closest(".cell"));
    if (this.items && position >= 0 && this.pointer !== "mouse") this.#mark(position, !this.marked.has(position));
    this.pointer = null;
  }

  #focused(event) {
    const position = this.cells?.indexOf(event.target);
    if (position >= 0) this.current = position;
  }

  #move(position) {
    if (position < 0 || position >= this.cells.length) return;
    this.cells[this.current].tabIndex = -1;
    this.current = position;
    this.cells[position].tabIndex = 0;
    this.cells[position].focus();
  }

  #columns() {
    const top = this.cells[0].offsetTop;
    const below = this.cells.findIndex((cell) => cell.offsetTop > top);
    return below === -1 ? this.cells.length : below;
  }

  #confirm() {
    if (!this.items || performance.now() - this.shown < TWICE) return;
    if (this.#unseen() > 0) { // what was not in sight is not confirmed
      this.grid.scrollBy({ top: 0.9 * this.grid.clientHeight });
      return;
    }
    const { id, number, items, marked } = this;
    const kept = items.filter((_, position) => !marked.has(position));
    const left = items.filter((_, position) => marked.has(position));
    const seconds = (performance.now() - this.shown - this.away) / 1000 / Math.max(1, kept.length);
    this.#answer(kept, number, id, seconds);
    announce(`${counted(kept.length, "image")} confirmed as ${this.name}`);
    this.items = null;
    if (left.length > 0) this.#correct(left);
    else this.#load();
  }

  #answer(items, answer, grid, seconds) {
    if (items.length === 0) return;
    const answers = items.map(({ index }) =>
      ({ index, answer, seconds, suggestion: this.number, shown: "before", grid }));
    this.app.send("/api/answers", { who: this.app.who, answers });
  }

  /** Those marked: one by one, or all of one class. */
  #correct(left) {
    if (left.length === 1) {
      this.single(left.map((item) => ({ ...item, blind: true, again: true, suggestion: null, marked: true })));
      return;
    }
    this.corrected = { left, shown: performance.now() };
    const all = new ClassList({ choose: (answer) => this.#giveAll(answer), special: true });
    all.update(this.app.state.classes);
    this.all = all;
    const one = h("button", { type: "button", class: "primary big", onclick: () => this.#oneByOne() },
      h("kbd", {}, "Space"), "Answer them one by one");
    this.heading.replaceChildren(`${counted(left.length, "image")} that `, left.length === 1 ? "is" : "are", " not ", h("strong", {}, this.name));
    this.hint.replaceChildren("If all are of one class, choose it below.");
    this.correction = h("section", { class: "correction", "aria-label": "Marked images" },
      h("div", { class: "grid few" }, left.map(({ index }) => h("div", { class: "cell" }, h("img", { src: pictureUrl(index, "small"), alt: "" })))),
      h("h2", { class: "small-head" }, "All of them are"), all.element);
    this.toolbar.replaceChildren(one);
    this.grid.replaceWith(this.correction);
    one.focus();
  }

  #oneByOne() {
    const { left } = this.corrected;
    this.single(left.map((item) => ({ ...item, blind: true, again: true, suggestion: null, marked: true })));
  }

  #giveAll(answer) {
    const { left, shown } = this.corrected;
    this.#answer(left, answer, this.id, (performance.now() - shown) / 1000 / left.length);
    this.app.restart();
  }

  async undo() {
    const { index, indices = [index] } = await this.app.send("/api/undo", { who: this.app.who });
    if (index === null || index === undefined) announce("Nothing to undo");
    else announce(`${counted(indices.length, "answer")} taken back`);
    this.app.restart();
  }

  visibility(hidden) {
    if (hidden) this.hiddenSince = performance.now();
    else if (this.hiddenSince) this.away += performance.now() - this.hiddenSince;
  }

  key(event) {
    const { key } = event;
    if (key === "z" || key === "Backspace") this.undo();
    else if (this.corrected) return this.#correctionKey(event);
    else if (!this.items) return false;
    else if (key === "ArrowLeft") this.#move(this.current - 1);
    else if (key === "ArrowRight") this.#move(this.current + 1);
    else if (key === "ArrowUp") this.#move(this.current - this.#columns());
    else if (key === "ArrowDown") this.#move(Math.min(this.current + this.#columns(), this.cells.length - 1));
    else if (key === "Home") this.#move(0);
    else if (key === "End") this.#move(this.cells.length - 1);
    else if (key === "x" && !event.repeat) this.#mark(this.current, !this.marked.has(this.current));
    else if ((key === " " || key === "Enter") && !event.repeat) this.#confirm();
    else return false;
    return true;
  }

  #correctionKey(event) {
    if (event.repeat) return false;
    const found = classOfKey(event.key, this.app.state.classes);
    if (event.key === " " || event.key === "Enter") this.#oneByOne();
    else if (event.key === "n") this.#giveAll("none_of_these");
    else if (event.key === "?") this.#giveAll("cannot_tell");
    else if (event.key === "b") this.#giveAll("broken");
    else if (event.key === "/") return this.all.find();
    else if (found) this.#giveAll(found.number);
    else return false;
    return true;
  }
}
