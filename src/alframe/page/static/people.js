// The view of the one in charge: who answered how much, how fast, who agrees, and the images on which people differ.

import { get } from "./api.js";
import { answerName } from "./answers.js";
import { counted, fill, h, number, percent } from "./dom.js";
import { imageDialog } from "./image_dialog.js";
import { pictureUrl } from "./pictures.js";

export class PeopleView {
  constructor(app) {
    this.app = app;
    this.element = h("section", { class: "page people-view", "aria-label": "People" }, h("h1", {}, "People"));
    this.#load();
  }

  update() {
    if (this.version !== this.app.state.version) this.#load();
  }

  back() {
    this.#load();
  }

  async #load() {
    if (this.loading) return;
    this.loading = true;
    this.version = this.app.state.version;
    try {
      const reply = await get("/api/people");
      const told = JSON.stringify(reply);
      if (told !== this.told) this.#show(reply);
      this.told = told;
    } catch (error) {
      if (error.status === 0) this.app.lost();
      else this.element.append(h("p", { class: "problem", role: "alert" }, error.message));
    } finally {
      this.loading = false;
    }
  }

  #show({ people, pairs, kappa, by_class, differ, n_differ = differ.length, decided = [], n_decided = decided.length, second, grids }) {
    const { classes, options, stage } = this.app.state;
    fill(this.element,
      h("h1", {}, "People"),
      people.length === 0 ? h("p", { class: "lead" }, "Nobody has answered yet.")
        : table(["Name", "Answers", "Seconds an answer", "Grids"],
          people.map((each) => [each.name || "(no name)", number(each.answers),
            each.median_seconds === null ? "–" : each.median_seconds.toFixed(1), number(each.grids)])),
      h("h2", {}, "Agreement"),
      h("p", {}, kappa === null || kappa === undefined
        ? pairs > 0 ? `${counted(pairs, "image")} with answers of two people: too few for Cohen's kappa.`
          : options.both_share > 0 ? "No image has answers of two people yet."
          : "No image is asked of two people. Settings has the share of those that are."
        : `${counted(pairs, "image")} with answers of two people. Cohen's kappa: ${kappa.toFixed(2)} (${reading(kappa)}).`),
      second?.wanted > 0 && h("p", { class: "hint" }, `${number(second.given)} of ${counted(second.wanted, "image")} for two people `
        + `${second.given === 1 ? "has" : "have"} a second answer. It is asked for while the question is open; `
        + "nobody has to wait for it."),
      by_class.length > 0 && table(["Class", "Images", "Agreement"],
        by_class.map((each) => [answerName(each.class, classes), number(each.n), each.agreement === 1 ? "100 %" : percent(each.agreement)])),
      grids?.n > 0 && h("p", {}, `Grids: ${counted(grids.n, "image")} confirmed in a grid ${grids.n === 1 ? "was" : "were"} answered again alone; ${number(grids.wrong)} `,
        `of them differed (${percent(grids.share)}; between ${percent(grids.low)} and ${percent(grids.high)}).`),
      differ.length > 0 && h("h2", {}, `People differ on ${counted(n_differ, "image")}`),
      differ.length > 0 && h("p", { class: "hint" }, stage === "finished" ? "They have no label."
        : "Choose one to decide. The decision counts; all answers are kept."),
      differ.length > 0 && h("ul", { class: "differ" }, differ.map((each) => this.#differing(each))),
      decided.length > 0 && h("h2", {}, `Decided: ${counted(n_decided, "image")}`),
      decided.length > 0 && h("p", { class: "hint" }, "People differed, and a third person or a decision settled it. All answers are kept and exported."),
      decided.length > 0 && h("ul", { class: "differ" }, decided.map((each) => this.#differing(each))));
  }

  #differing({ index, answers, label = null }) {
    const said = Object.entries(answers).map(([who, answer]) =>
      h("span", {}, `${who}: `, h("strong", {}, answerName(answer, this.app.state.classes))));
    if (label !== null) said.push(h("span", { class: "against" }, "label: ", h("strong", {}, answerName(label, this.app.state.classes))));
    const title = label === null && this.app.state.stage !== "finished" ? "Decide" : "Answers of several people";
    return h("li", {}, h("button", { type: "button", class: "card wide-card", onclick: () => this.#open(index, title) },
      h("img", { src: pictureUrl(index, "small"), alt: "", loading: "lazy" }), h("span", { class: "said" }, said)));
  }

  #open(index, title) {
    imageDialog(this.app, { index, title, changed: () => this.#load() });
  }
}

/** The words of Landis and Koch (1977). */
function reading(kappa) {
  if (kappa > 0.8) return "almost perfect";
  if (kappa > 0.6) return "substantial";
  if (kappa > 0.4) return "moderate";
  return kappa > 0.2 ? "fair" : "slight";
}

function table(heads, rows) {
  return h("div", { class: "table" }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map(([first, ...rest]) =>
      h("tr", {}, h("th", { scope: "row" }, first), rest.map((each) => h("td", {}, each)))))));
}
