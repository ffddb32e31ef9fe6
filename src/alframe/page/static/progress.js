// Plan and forecast.

import { duration, fill, h, number, percent, svg } from "./dom.js";

const FROM = { validation: "the validation images", check: "the check at the end", audit: "the audit", "spot checks": "the spot checks so far" };

export class ProgressView {
  constructor(app) {
    this.app = app;
    this.element = h("section", { class: "page progress-view", "aria-label": "Progress" });
    this.update();
  }

  update() {
    const { forecast, question, trial, stage } = this.app.state;
    const told = JSON.stringify([forecast, question, stage]);
    if (told === this.told) return;
    this.told = told;
    if (!forecast) {
      this.element.replaceChildren(h("h1", {}, "Progress"), h("p", { class: "lead" }, "The plan is made with the first question."));
      return;
    }
    fill(this.element,
      h("h1", {}, "Progress"),
      h("p", { class: "lead" }, forecast.sentence),
      this.#answers(forecast),
      h("div", { class: "facts" },
        stage !== "finished" && fact("Left for you", forecast.minutes_left === null ? "–" : duration(60 * forecast.minutes_left), "at your pace"),
        fact("One image", forecast.seconds_single ? `${forecast.seconds_single.toFixed(1)} s` : "–", "median of yours"),
        fact("An image in a grid", forecast.seconds_grid_image ? `${forecast.seconds_grid_image.toFixed(2)} s` : "–", "median of yours"),
        forecast.audit ? fact("Wrong labels", number(forecast.audit.found_wrong), "found so far")
          : fact("Labelled", `${number(forecast.hand_labels + forecast.auto_labels)}`, trial?.n_samples ? `of ${number(trial.n_samples)}` : "")),
      forecast.audit ? this.#stages(forecast.audit) : this.#labels(forecast, trial),
      this.#error(forecast));
  }

  #answers({ answered, at_most }) {
    const bar = at_most && h("progress", { max: at_most, value: answered, "aria-label": "Answers so far, and at most" });
    return h("div", { class: "block" }, h("h2", {}, "Answers"), bar,
      h("p", {}, h("strong", {}, number(answered)), 
        this.app.state.stage === "finished" ? " in all." : at_most ? ` so far. The plan asks for ${number(at_most)} at most.` : " so far."));
  }

  #stages({ stages }) {
    return h("div", { class: "block" }, h("h2", {}, "Stages"), h("ol", { class: "stages" }, stages.map(({ name, does, now }) =>
      h("li", { "aria-current": now ? "step" : null }, h("strong", {}, name), does && `: ${does}`, now && h("em", {}, " (now)")))));
  }

  #labels({ hand_labels, auto_labels }, trial) {
    const total = trial?.n_samples;
    if (!total) return null;
    const none = Math.max(0, total - hand_labels - auto_labels);
    const parts = [["hand", "by people", hand_labels], ["auto", "by the classifier", auto_labels], ["none", "no label yet", none]];
    let x = 0;
    const bars = parts.map(([name, , n]) => {
      const width = (100 * n) / total;
      const bar = svg("rect", { class: `part ${name}`, x, y: 0, width, height: 10 });
      x += width;
      return bar;
    });
    return h("div", { class: "block" }, h("h2", {}, "Labels"),
      svg("svg", { class: "parts", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, ...bars),
      h("ul", { class: "legend" }, parts.map(([name, text, n]) =>
        h("li", {}, h("span", { class: `swatch ${name}` }), `${number(n)} ${text}`))));
  }

  #error({ auto_error: error, goal }) {
    if (!error && !goal) return null;
    const parts = [h("h2", {}, "Errors of the classifier's labels")];
    if (error) {
      const { share, low, high, confidence } = error;
      const bounds = share === null ? ["At most ", h("strong", {}, percent(high)), " are wrong"]
        : ["About ", h("strong", {}, percent(share)), ` are wrong; between ${percent(low)} and ${percent(high)}`];
      parts.push(h("p", {}, bounds, ` with ${percent(confidence)} confidence, by ${FROM[error.from] ?? error.from}.`),
        interval(error, goal?.tolerance));
    } else if (this.app.state.stage !== "finished") parts.push(h("p", {}, "This cannot be estimated yet."));
    if (goal) parts.push(h("p", {}, goal.sentence));
    return h("div", { class: "block" }, parts);
  }
}

function fact(name, value, note) {
  return h("div", { class: "fact" }, h("span", { class: "fact-name" }, name), h("span", { class: "fact-value" }, value),
    h("span", { class: "fact-note" }, note));
}

/** An interval on a line from 0, with the goal. */
function interval({ share, low, high }, tolerance) {
  const end = Math.min(1, 1.25 * Math.max(high, tolerance ?? 0, 0.01));
  const at = (value) => 10 + (580 * value) / end;
  const label = (value, y, text, anchor = "middle") => svg("text", { x: at(value), y, "text-anchor": anchor }, text);
  const parts = [svg("line", { class: "axis", x1: 10, x2: 590, y1: 40, y2: 40 }),
    svg("rect", { class: "between", x: at(low), width: Math.max(2, at(high) - at(low)), y: 32, height: 16, rx: 8 }),
    label(0, 70, "0 %", "start")];
  if (share !== null) parts.push(svg("circle", { class: "point", cx: at(share), cy: 40, r: 8 }));
  if (tolerance) {
    const side = tolerance > 0.8 * end ? "end" : "middle";
    parts.push(svg("line", { class: "goal", x1: at(tolerance), x2: at(tolerance), y1: 22, y2: 58 }),
      label(tolerance, 14, `goal: at most ${percent(tolerance)}`, side));
  }
  parts.push(svg("text", { x: 590, y: 70, "text-anchor": "end" }, percent(end)));
  return svg("svg", { class: "interval", viewBox: "0 0 600 76", "aria-hidden": "true" }, ...parts);
}
