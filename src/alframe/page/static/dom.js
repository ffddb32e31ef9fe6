// Small helpers: elements, words and numbers.

/** Returns a new element; `on...` properties become listeners, `class` and `aria-...` attributes. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.startsWith("aria") && name !== "list") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  return fill(element, ...children);
}

/** Replaces what is in an element; null, undefined and false are nothing. Returns the element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(2).filter((each) => each !== null && each !== undefined && each !== false));
  return element;
}

/** Returns an SVG element with attributes. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Says a sentence to a screen reader. */
export function announce(text) {
  byId("live").textContent = "";
  requestAnimationFrame(() => (byId("live").textContent = text));
}

const whole = new Intl.NumberFormat("en");

/** 1234 -> "1,234" */
export const number = (value) => whole.format(value);

/** (1, "image") -> "1 image", (2, "image") -> "2 images" */
export const counted = (n, noun) => `${number(n)} ${noun}${n === 1 ? "" : "s"}`;

/** 0.0123 -> "1.2 %", 0.93 -> "93 %"; nothing is shown as 100 % sure. */
export function percent(share) {
  const value = 100 * share;
  if (value >= 99.5) return "> 99 %";
  return value > 0 && value < 10 ? `${value.toFixed(1)} %` : `${Math.round(value)} %`;
}

/** Seconds as people say them: "40 s", "3 min", "1 h 20 min". */
export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

/** Opens a modal dialog; the focus returns to where it was. Returns the dialog. */
export function dialog(title, ...content) {
  const before = document.activeElement;
  const box = h("dialog", { class: "dialog", "aria-label": title },
    h("div", { class: "dialog-head" }, h("h2", {}, title),
      h("button", { type: "button", class: "quiet", onclick: () => box.close(), "aria-label": "Close" }, "✕")),
    ...content);
  box.addEventListener("close", () => {
    box.remove();
    if (before?.isConnected) before.focus();
  });
  box.addEventListener("click", (event) => event.target === box && box.close());
  document.body.append(box);
  box.showModal();
  return box;
}
