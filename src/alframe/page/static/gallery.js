// Look at what is labelled, and mend it.

import { get } from "./api.js";
import { answerName } from "./answers.js";
import { counted, h, number, percent } from "./dom.js";
import { imageDialog } from "./image_dialog.js";
import { pictureUrl } from "./pictures.js";

const PAGE = 60;
export const VIEWS = [
  ["labels", "All labels", "No image has a label yet."],
  ["disagreement", "People and classifier differ", "People and classifier agree on all images."],
  ["doubtful", "Doubtful", "No label is doubtful."],
  ["duplicates", "Duplicates", "No image is there twice."],
];

export class GalleryView {
  constructor(app, view = "labels") {
    this.app = app;
    this.asked = { view, class: "", source: "", offset: 0 };
    this.tabs = h("div", { class: "tabs", role: "group", "aria-label": "What to look at" }, VIEWS.map(([name, title]) =>
      h("button", { type: "button", onclick: () => this.#ask({ view: name }), "data-view": name }, title)));
    this.classes = h("select", { onchange: () => this.#ask({ class: this.classes.value }) });
    this.sources = h("select", { onchange: () => this.#ask({ source: this.sources.value }) },
      h("option", { value: "" }, "people and classifier"), h("option", { value: "hand" }, "people"), h("option", { value: "auto" }, "the classifier"));
    this.count = h("p", { class: "hint", role: "status" });
    this.cards = h("ul", { class: "cards" });
    this.more = h("button", { type: "button", onclick: () => this.#load(true) }, "Show more");
    this.element = h("section", { class: "page gallery-view", "aria-label": "Gallery" }, h("h1", {}, "Gallery"), this.tabs,
      h("div", { class: "filters" }, h("label", {}, "Class ", this.classes), h("label", {}, "Labelled by ", this.sources)),
      this.count, this.cards, h("p", { class: "more" }, this.more));
    this.update();
    this.#load();
  }

  update() {
    const { classes } = this.app.state;
    const told = JSON.stringify(classes);
    if (told === this.told) return;
    this.told = told;
    const chosen = this.classes.value;
    this.classes.replaceChildren(h("option", { value: "" }, "all classes"),
      ...classes.map(({ number: value, name }) => h("option", { value }, name)));
    this.classes.value = chosen;
  }

  back() {
    this.#load();
  }

  #ask(change) {
    Object.assign(this.asked, change);
    this.#load();
  }

  async #load(further = false) {
    this.asked.offset = further ? this.cards.querySelectorAll(".card").length : 0;
    for (const tab of this.tabs.children) tab.setAttribute("aria-pressed", String(tab.dataset.view === this.asked.view));
    const asked = { ...this.asked };
    try {
      const { total, items } = await get("/api/gallery", { ...asked, limit: PAGE });
      if (asked.view !== this.asked.view || asked.class !== this.asked.class) return;
      this.#show(total, items, further);
    } catch (error) {
      if (error.status === 0) this.app.lost();
      else this.count.textContent = error.message;
    }
  }

  #show(total, items, further) {
    const before = further ? this.cards.children.length : 0;
    if (!further) this.cards.replaceChildren();
    for (const item of items) this.cards.append(this.#card(item));
    const n = this.cards.children.length;
    this.count.textContent = total === 0 ? VIEWS.find(([name]) => name === this.asked.view)[2]
      : n < total ? `${number(n)} of ${counted(total, "image")}` : counted(total, "image");
    this.more.hidden = n >= total;
    if (further) this.cards.children[before]?.querySelector("button").focus();
  }

  #card(item) {
    const { index, label, source, confidence, predicted, changed, group } = item;
    const { classes } = this.app.state;
    const by = source === "auto" ? `classifier${confidence === null ? "" : `, ${percent(confidence)}`}` : `${item.who || source}`;
    const other = predicted !== null && predicted !== undefined && predicted !== label && source !== "auto";
    const caption = h("span", { class: "caption" }, h("strong", {}, answerName(label, classes)), h("span", {}, by),
      other && h("span", { class: "against" }, `classifier: ${answerName(predicted, classes)}`),
      changed && h("span", { class: "against" }, "changed"),
      group !== null && group !== undefined && h("span", {}, `group ${group + 1}`));
    return h("li", {}, h("button", { type: "button", class: "card", onclick: () => this.#open(item, by) },
      h("img", { src: pictureUrl(index, "small"), alt: "", loading: "lazy" }), caption));
  }

  #open(item, by) {
    const { classes } = this.app.state;
    imageDialog(this.app, { index: item.index, title: "Labelled image", facts: [answerName(item.label, classes), by],
      changed: () => this.#load() });
  }
}
