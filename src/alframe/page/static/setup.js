// What must be known before the first image: the classes, the proof wanted, a name.

import { get, post } from "./api.js";
import { announce, counted, fill, h, number } from "./dom.js";
import { pictureUrl } from "./pictures.js";

const PROOFS = [
  ["", "No proof", "Ends when the classifier has learned enough. A check of a few labels estimates the errors."],
  ["0.05", "At most 5 % wrong", "Quick, for a first look."],
  ["0.02", "At most 2 % wrong", "A good choice for most data sets."],
  ["0.01", "At most 1 % wrong", "Asks for more answers, for data that must be right."],
];

const FEW = 300; // images: with fewer, people label most of them

export class SetupView {
  constructor(app) {
    this.app = app;
    this.names = [];
    this.element = h("section", { class: "page setup-view", "aria-label": "Set-up" }, h("h1", {}, "Label a folder of images"),
      h("p", { class: "lead" }, "Looking through the folder …"));
    this.#load();
  }

  update() {
    if (!this.form) this.#load();
  }

  async #load() {
    if (this.loading) return;
    this.loading = true;
    try {
      this.#show(await get("/api/setup"));
    } catch (error) {
      if (error.status === 0) this.app.lost();
      else this.element.append(h("p", { class: "problem", role: "alert" }, error.message));
    } finally {
      this.loading = false;
    }
  }

  #show({ folder, n_images, left_out, classes, samples, proofs = [] }) {
    const about = Object.fromEntries(proofs.map(({ tolerance, answers }) => [tolerance, answers]));
    this.names = [...classes];
    this.list = h("ol", { class: "names" });
    this.input = h("input", { type: "text", id: "class-name", maxLength: 100, autocomplete: "off",
      placeholder: "For example: cat", onkeydown: (event) => this.#typed(event), onpaste: (event) => this.#pasted(event) });
    this.problem = h("p", { class: "problem", role: "alert" });
    this.who = h("input", { type: "text", id: "who", maxLength: 40, required: true, value: this.app.who, autocomplete: "name" });
    this.start = h("button", { type: "submit", class: "primary big" }, "Start labelling");
    const out = left_out.reduce((sum, { count }) => sum + count, 0);
    this.form = h("form", { novalidate: true, onsubmit: (event) => this.#submit(event) },
      h("section", { class: "block" }, h("h2", {}, "Classes"),
        h("label", { for: "class-name" }, "What can be on an image? Type a name and press Enter, once for each class."),
        classes.length > 0 && h("p", { class: "hint" }, "These are the names of the subfolders. ",
          h("button", { type: "button", class: "quiet", onclick: () => this.#clear() }, "They are not classes")),
        this.list,
        h("div", { class: "adding" }, this.input, h("button", { type: "button", onclick: () => this.#add(this.input.value) }, "Add")),
        h("p", { class: "hint" }, "At least two. More can be added while you label.")),
      h("section", { class: "block" }, h("fieldset", {}, h("legend", {}, "How right must the labels be?"),
        h("div", { class: "choices" }, PROOFS.map(([value, title, text]) => h("label", { class: "choice" },
          h("input", { type: "radio", name: "tolerance", value, checked: value === "0.02" }),
          h("span", {}, h("strong", {}, title), h("span", {}, text),
            about[value] && h("span", {}, `The proof takes about ${number(about[value])} answers, more if labels are wrong.`)))))),
        h("p", { class: "hint" }, "A proof is a random sample that you label without suggestions at the end."),
        n_images <= FEW && h("p", { class: "hint" }, "With so few images you will label most of them yourself: "
          + "a check or a proof takes nearly as many answers for a small folder as for a large one.")),
      h("section", { class: "block" }, h("label", { class: "head", for: "who" }, "Your name"), this.who,
        h("p", { class: "hint" }, "It is saved with your answers. Nothing leaves this computer.")),
      this.problem, this.start);
    fill(this.element,
      h("h1", {}, "Label a folder of images"),
      h("p", { class: "lead" }, counted(n_images, "image"), " in ", h("code", {}, folder)),
      h("p", { class: "hint" }, "You label some images. A classifier learns from your answers and labels the images that it is sure of. "
        + "Then it asks about the others. You can stop at any time: the same command goes on."),
      out > 0 && h("details", { class: "left-out" }, h("summary", {}, `${counted(out, "file")} left out`),
        h("ul", {}, left_out.map(({ reason, count }) => h("li", {}, `${count} × ${reason}`)))),
      samples.length > 0 && h("ul", { class: "samples", "aria-label": "Some of the images" }, samples.map((index) =>
        h("li", {}, h("img", { src: pictureUrl(index, "small"), alt: "" })))),
      this.form);
    this.#listed();
    this.input.focus();
  }

  #listed() {
    this.list.replaceChildren(...this.names.map((name, position) => h("li", {}, h("span", {}, name),
      h("button", { type: "button", class: "quiet", "aria-label": `Remove ${name}`,
        onclick: () => { this.names.splice(position, 1); this.#listed(); this.input.focus(); } }, "✕"))));
    this.list.hidden = this.names.length === 0;
  }

  #add(text) {
    const same = (name) => name.normalize("NFC").trim().toLowerCase();
    for (const name of text.split(/[\n,;]/).map((each) => each.trim()).filter(Boolean)) {
      if (this.names.some((each) => same(each) === same(name))) announce(`${name} is there already`);
      else {
        this.names.push(name);
        announce(`${name} added`);
      }
    }
    this.input.value = "";
    this.#listed();
    this.input.focus();
  }

  #clear() {
    this.names = [];
    this.#listed();
    announce("Name the classes of your own. The images of all subfolders are labelled.");
    this.input.focus();
  }

  #typed(event) {
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault();
      if (this.input.value.trim()) this.#add(this.input.value);
    } else if (event.key === "Backspace" && this.input.value === "" && this.names.length > 0) {
      this.names.pop();
      this.#listed();
    }
  }

  #pasted(event) {
    const text = event.clipboardData.getData("text");
    if (!/[\n,;]/.test(text)) return;
    event.preventDefault();
    this.#add(text);
  }

  async #submit(event) {
    event.preventDefault();
    if (this.input.value.trim()) this.#add(this.input.value);
    const who = this.who.value.trim();
    const [text, field] = this.names.length < 2 ? ["Name at least two classes.", this.input]
      : !who ? ["Write your name.", this.who] : ["", null];
    this.problem.textContent = text;
    if (field) return field.focus();
    this.start.disabled = true;
    const chosen = this.form.elements.tolerance.value;
    try {
      await post("/api/setup", { classes: this.names, tolerance: chosen === "" ? null : Number(chosen), who });
      await this.app.setName(who);
    } catch (error) {
      this.problem.textContent = error.message;
      this.start.disabled = false;
    }
  }
}
