// One labelled image in large, with its history, to change its answer.

import { get } from "./api.js";
import { answerName, classOfKey, SPECIAL } from "./answers.js";
import { ClassList } from "./class_list.js";
import { announce, dialog, h } from "./dom.js";
import { picture } from "./pictures.js";
import { Stage } from "./zoom.js";

/** Opens an image. `changed(answer)` is called after a change was sent; `next`: the item after it, or null. */
export function imageDialog(app, { index, title, facts = [], changed }) {
  const { classes } = app.state;
  const ended = app.state.stage === "finished";
  const stage = new Stage();
  const history = h("ol", { class: "history" });
  const list = new ClassList({ choose });
  list.update(classes);
  const box = dialog(title, h("div", { class: "look" }, stage.element,
    h("div", { class: "panel" }, facts.length > 0 && h("p", { class: "lead" }, facts.join(" · ")),
      ended ? h("p", { class: "hint" }, "The trial has ended, so that its labels are fixed. To change them, use the command ", h("code", {}, app.state.summary?.audit ?? "alframe-audit"), ".")
        : [h("h3", { class: "small-head" }, "Change to"), list.element],
      h("h3", { class: "small-head" }, "History"), history)));
  box.classList.add("large");
  stage.element.focus();
  picture(index).then((image) => stage.show({ index }, image.cloneNode(), "The image"))
    .catch(() => stage.say("This picture could not be loaded."));
  get(`/api/history/${index}`).then(({ rows }) => {
    const lines = rows.map(({ who, at, answer, way, suggestion, shown }) =>
      h("li", {}, h("strong", {}, answerName(answer, classes)),
        ` ${who || "no name"}, ${way}, `, h("time", { dateTime: at }, new Date(at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })),
        suggestion !== null && suggestion !== undefined && shown !== "off" && ` (suggestion ${shown} it: ${answerName(suggestion, classes)})`));
    history.replaceChildren(...(lines.length ? lines : [h("li", {}, "No person has answered.")]));
  }).catch((error) => history.replaceChildren(h("li", {}, error.message)));
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.matches("input")) return;
    if ((event.key === " " || event.key === "Enter") && event.target.closest("button")) return;
    const special = SPECIAL.find((each) => each.key === event.key);
    const found = app.keysOn ? (special?.answer ?? classOfKey(event.key, classes)?.number) : undefined;
    if (found !== undefined) choose(found);
    else if (event.key === "/") list.find();
    else if (!stage.key(event)) return;
    event.preventDefault();
  });

  async function choose(answer) {
    if (ended) return;
    box.close();
    await app.send("/api/review", { who: app.who, index, answer });
    announce(`Changed to ${answerName(answer, classes)}`);
    changed?.(answer);
  }
}
