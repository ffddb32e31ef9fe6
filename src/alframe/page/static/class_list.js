// The buttons of the classes and of the special answers.

import { SPECIAL, classKey } from "./answers.js";
import { h, percent } from "./dom.js";

const SEARCH_FROM = 13; // classes: from here on they can be searched

export class ClassList {
  /** `choose(answer, event)` is called with a class number or a special answer; `add()` to add a class. */
  constructor({ choose, add, special = true }) {
    Object.assign(this, { choose, add, special });
    this.buttons = new Map();
    this.list = h("div", { class: "classes", role: "group", "aria-label": "Classes" });
    this.search = h("input", { type: "search", placeholder: "Find a class  /", "aria-label": "Find a class",
      oninput: () => this.#filter(), onkeydown: (event) => this.#searched(event), hidden: true });
    this.element = h("div", { class: "answers" }, this.search, this.list, special && this.#specials());
  }

  /** Shows classes [{number, name}]; does nothing if they are the same. */
  update(classes) {
    const told = JSON.stringify(classes);
    if (told === this.told) return;
    this.told = told;
    for (const answer of this.buttons.keys()) if (typeof answer === "number") this.buttons.delete(answer);
    const buttons = classes.map(({ number, name }, position) => this.#button(number, name, classKey(position)));
    this.list.replaceChildren(...buttons);
    if (this.add) {
      this.list.append(h("button", { type: "button", class: "class add", onclick: () => this.add(),
        "aria-keyshortcuts": "a" }, h("kbd", {}, "a"), h("span", { class: "name" }, "Add a class …")));
    }
    this.list.classList.toggle("many", classes.length > 9);
    this.search.hidden = classes.length < SEARCH_FROM;
  }

  /** Marks the suggested class {class, confidence} and the answer given before; null for neither. */
  mark(suggestion, before = null) {
    for (const [answer, button] of this.buttons) {
      const suggested = suggestion?.class === answer;
      button.classList.toggle("suggested", suggested);
      button.classList.toggle("before", before === answer);
      button.querySelector(".note").textContent =
        before === answer ? "your answer" : suggested ? `suggested ${percent(suggestion.confidence)}` : "";
    }
  }

  /** Puts the focus into the search field, if there is one. */
  find() {
    if (this.search.hidden) return false;
    this.search.focus();
    this.search.select();
    return true;
  }

  #button(answer, name, key, title) {
    const button = h("button", { type: "button", class: "class", title, "aria-keyshortcuts": key,
      onclick: (event) => this.choose(answer, event) },
      h("kbd", {}, key ?? ""), h("span", { class: "name" }, name), h("span", { class: "note" }));
    this.buttons.set(answer, button);
    return button;
  }

  #specials() {
    const buttons = SPECIAL.map(({ answer, name, key, title }) => {
      const button = this.#button(answer, name, key, title);
      button.classList.add("special");
      return button;
    });
    return h("div", { class: "specials", role: "group", "aria-label": "Other answers" }, buttons);
  }

  #filter() {
    const wanted = this.search.value.trim().toLowerCase();
    for (const button of this.list.children) {
      const name = button.querySelector(".name").textContent.toLowerCase();
      button.hidden = wanted !== "" && !name.includes(wanted);
    }
  }

  #searched(event) {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    const first = [...this.list.children].find((button) => !button.hidden);
    const chosen = event.key === "Enter" && this.search.value.trim() !== "";
    this.search.value = "";
    this.#filter();
    this.search.blur();
    if (chosen) first?.click();
  }
}
