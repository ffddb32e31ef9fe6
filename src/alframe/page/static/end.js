// After the trial: what was proven, the doubtful labels, export, report, finish.

import { get, post } from "./api.js";
import { byId, counted, h } from "./dom.js";
import { pictureUrl } from "./pictures.js";
import { answerName } from "./answers.js";
import { imageDialog } from "./image_dialog.js";

const FORMATS = {
  imagefolder: ["Folders by class", "A copy of each image in the folder of its class"],
  csv: ["CSV", "A table of file names and labels"],
  parquet: ["Parquet", "A table with the source and confidence of each label"],
  "label-studio": ["Label Studio", "JSON to import there"],
  huggingface: ["Hugging Face", "A data set directory"],
  metadata: ["metadata.jsonl", "A line of JSON for each image"],
};

export class EndView {
  constructor(app) {
    this.app = app;
    const { labels, audit, again } = app.state.summary ?? {};
    const { summary, formats = Object.keys(FORMATS), report } = app.state;
    const [first = "All images have a label.", ...others] = summary?.sentences ?? [];
    this.doubtful = h("ul", { class: "cards" });
    this.exported = h("div", { role: "status", class: "exported" });
    this.element = h("section", { class: "page end-view", "aria-label": "Result" },
      h("p", { class: "done", "aria-hidden": "true" }, "✓"), h("h1", {}, "Done"), h("p", { class: "lead" }, first),
      others.length > 0 && h("ul", { class: "sentences" }, others.map((each) => h("li", {}, each))),
      h("section", { class: "block" }, h("h2", {}, "Take the labels with you"),
        h("div", { class: "formats" }, formats.map((to) => h("button", { type: "button", class: "format", onclick: (event) => this.#export(to, event.currentTarget) },
          h("strong", {}, FORMATS[to]?.[0] ?? to), h("span", {}, FORMATS[to]?.[1] ?? "")))), this.exported,
        labels && h("p", { class: "hint" }, "The labels are also in ", h("code", {}, labels), " and the files beside it.")),
      (this.section = h("section", { class: "block", hidden: true }, h("h2", {}, "The most doubtful labels"),
        h("p", { class: "hint" }, "The classifier was least sure of these. ", h("a", { href: "#gallery" }, "The gallery"), " has all of them."), this.doubtful)),
      h("div", { class: "last" },
        report !== false && h("a", { class: "button", href: "/report", target: "_blank", rel: "noopener" }, "Open the report"),
        h("button", { type: "button", onclick: () => this.#finish() }, "Finish"),
        h("p", { class: "hint" }, `Finish stops alframe. The labels stay where they are${again ? "; the same command shows this page again" : ""}.`)),
      audit && h("p", { class: "hint changing" }, "A label is wrong? This command asks about labels, the most suspect first, and corrects them: ", h("code", {}, audit)));
    this.#load();
  }

  update() {}

  async #load() {
    const { items } = await get("/api/gallery", { view: "doubtful", limit: 12 }).catch(() => ({ items: [] }));
    this.section.hidden = items.length === 0;
    this.doubtful.replaceChildren(...items.map(({ index, label }) => h("li", {},
      h("button", { type: "button", class: "card", onclick: () => imageDialog(this.app, { index, title: "Labelled image",
        facts: [answerName(label, this.app.state.classes)], changed: () => this.#load() }) },
        h("img", { src: pictureUrl(index, "small"), alt: "", loading: "lazy" }),
        h("span", { class: "caption" }, h("strong", {}, answerName(label, this.app.state.classes)))))));
  }

  async #export(to, button) {
    button.disabled = true;
    this.exported.replaceChildren(h("p", {}, "Writing …"));
    try {
      const { where, files, notes = [] } = await post("/api/export", { to, trial: this.app.state.trial?.id });
      this.exported.replaceChildren(h("p", {}, `${counted(files, "image")}, written to `, h("code", {}, where)), ...notes.map((note) => h("p", { class: "hint" }, note)));
    } catch (error) {
      this.exported.replaceChildren(h("p", { class: "problem" }, error.message));
    } finally {
      button.disabled = false;
    }
  }

  async #finish() {
    this.app.end();
    await post("/api/finish", { trial: this.app.state.trial?.id }).catch(() => {});
    byId("foot").hidden = byId("nav").hidden = true;
    this.element.replaceChildren(h("p", { class: "done", "aria-hidden": "true" }, "✓"), h("h1", {}, "Finished"),
      h("p", { class: "lead" }, "alframe has stopped. You can close this window."));
  }
}

/** A trial that ended with a mistake. */
export class FailedView {
  constructor(app) {
    this.element = h("section", { class: "page", "aria-label": "Stopped" }, h("h1", {}, "The trial has stopped"),
      h("p", { class: "problem", role: "alert" }, app.state.message),
      h("p", {}, "All answers are saved. Type the same command again when this is mended; it goes on from here."));
  }

  update() {}
}
