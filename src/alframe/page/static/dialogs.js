// Dialogs: help, settings, a person's name, another class.

import { SPECIAL } from "./answers.js";
import { announce, dialog, h } from "./dom.js";
import { post } from "./api.js";

/** Shows the keys. */
export function help(app) {
  const row = (keys, text) => h("div", {}, h("dt", {}, keys.map((key) => h("kbd", {}, key))), h("dd", {}, text));
  const part = (title, ...rows) => h("section", {}, h("h3", {}, title), h("dl", { class: "keys" }, rows));
  const on = h("input", { type: "checkbox", checked: app.keysOn, onchange: () => app.setKeys(on.checked) });
  const box = dialog("Help",
    h("div", { class: "help" },
      part("One image",
        row(["1", "…", "9"], "a class; after 9 come the letters beside the classes"),
        row(["Space"], "take the suggestion"),
        ...SPECIAL.map(({ key, name, title }) => row([key], `${name.toLowerCase()}: ${title.toLowerCase()}`)),
        row(["z"], "undo"), row(["s"], "skip; the image comes again at the end"),
        row(["+", "−", "0"], "zoom in, out, all of it; arrows move"),
        row(["/"], "find a class by its name"), row(["a"], "add a class")),
      part("Grid",
        row(["←", "→", "↑", "↓"], "move"), row(["x"], "mark: not of this class"),
        row(["Space"], "confirm all that are not marked"), row(["z"], "undo")),
      part("Everywhere", row(["g"], "grid or one by one"), row(["t"], "progress"), row(["l"], "gallery"),
        row(["Esc"], "back to the images"), row(["h"], "this help")),
      h("label", { class: "check" }, on, "Letters and digits are shortcuts"),
      h("p", { class: "hint" }, "“Saved” means that the answer is on the disk. Ctrl+C in the terminal is safe at any time; the same command goes on.")));
  box.classList.add("wide");
}

/** Shows the settings of the trial's questions. */
export function settings(app) {
  const { options } = app.state;
  const choice = (value, title, text) => h("label", { class: "choice" },
    h("input", { type: "radio", name: "suggestions", value, checked: options.suggestions === value }),
    h("span", {}, h("strong", {}, title), h("span", {}, text)));
  const field = (name, label, value, range) => h("label", { class: "field" }, h("span", {}, label),
    h("input", { type: "number", name, value, required: true, ...range }));
  const problem = h("p", { class: "problem", role: "alert" });
  const form = h("form", { method: "dialog" },
    h("fieldset", {}, h("legend", {}, "Suggestions of the classifier"),
      choice("before", "Before the answer", "Fastest. People tend to agree with what they are shown."),
      choice("after", "After the answer", "Shown only if it differs from yours, to catch slips."),
      choice("off", "Off", "Answers that nothing has influenced.")),
    h("div", { class: "fields" },
      field("grid", "Images in a grid (0: no grid)", options.grid, { min: 0, max: 200, step: 1 }),
      field("both", "Asked of two people, in %", Math.round(100 * options.both_share), { min: 0, max: 100, step: 1 })),
    h("p", { class: "hint" }, "These settings hold for everybody who labels here. What was shown is recorded with each answer. "
      + "A second person is asked while the question is open; the trial does not wait for it."),
    problem, h("div", { class: "dialog-foot" }, h("button", { type: "submit", class: "primary" }, "Save")));
  const box = dialog("Settings", form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = { suggestions: form.elements.suggestions.value, grid: Number(form.elements.grid.value),
      both_share: Number(form.elements.both.value) / 100, trial: app.state.trial?.id };
    try {
      await post("/api/options", body);
      box.close();
      await app.refresh();
      app.restart();
    } catch (error) {
      problem.textContent = error.message;
    }
  });
}

/** Asks for the person's name; it stands with each answer. */
export function askName(app) {
  const name = h("input", { type: "text", maxLength: 40, required: true, value: app.who, autocomplete: "name", id: "name" });
  const known = app.state.people.filter((each) => each !== app.who);
  const form = h("form", { method: "dialog" },
    h("p", {}, "Your name stands with each of your answers, so that several people can label together."),
    h("label", { class: "field wide", for: "name" }, "Your name"), name,
    known.length > 0 && h("p", { class: "hint" }, "Already here: ", known.map((each, n) => [n ? ", " : "",
      h("button", { type: "button", class: "link", onclick: () => (name.value = each) }, each)])),
    h("div", { class: "dialog-foot" }, h("button", { type: "submit", class: "primary" }, app.who ? "Change" : "Start labelling")));
  const box = dialog(app.who ? "Your name" : "Who is labelling?", form);
  if (!app.who) {
    box.addEventListener("cancel", (event) => event.preventDefault());
    box.querySelector(".dialog-head button").remove();
  }
  name.focus();
  name.select();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = name.value.trim().replace(/\s+/g, " ");
    if (!given) return;
    box.close();
    app.setName(given);
  });
}

/** Adds a class to the trial. */
export function addClass(app) {
  const name = h("input", { type: "text", required: true, maxLength: 100, id: "new-class", autocomplete: "off" });
  const problem = h("p", { class: "problem", role: "alert" });
  const form = h("form", { method: "dialog" },
    h("label", { class: "field wide", for: "new-class" }, "Name of the class"), name, problem,
    h("p", { class: "hint" }, "The classifier learns it from the next round on. Earlier answers stay as they are."),
    h("div", { class: "dialog-foot" }, h("button", { type: "submit", class: "primary" }, "Add the class")));
  const box = dialog("Add a class", form);
  name.focus();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await post("/api/classes", { name: name.value.trim(), trial: app.state.trial?.id });
      box.close();
      await app.refresh();
      announce(`Class ${name.value.trim()} added`);
    } catch (error) {
      problem.textContent = error.message;
    }
  });
}
