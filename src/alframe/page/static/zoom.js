// One picture on a stage: as large as it fits, sharp, and magnified on request.

import { picture } from "./pictures.js";
import { h } from "./dom.js";

const STEP = 1.5;
const TINY = 200; // pixels: below, each pixel is shown as a square
const TINY_SHOWN = 560; // CSS pixels that a tiny image is enlarged to at most
const MOST = 40; // CSS pixels for a pixel of the image

export class Stage {
  constructor() {
    this.element = h("div", { class: "stage", tabIndex: -1, role: "group", "aria-label": "Image" });
    this.item = this.image = null;
    this.#reset();
    new ResizeObserver(() => this.#place()).observe(this.element);
    this.element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.element.addEventListener("pointerdown", (event) => this.#drag(event));
    this.element.addEventListener("dblclick", () => (this.scale > 1 ? this.fit() : this.zoom(2)));
  }

  /** Shows a decoded picture of an item {index, width, height}. */
  show(item, image, label) {
    [this.item, this.image] = [item, image];
    this.source = { width: item.width ?? image.naturalWidth, height: item.height ?? image.naturalHeight };
    this.#reset();
    image.alt = label;
    this.element.replaceChildren(image);
    this.#place();
  }

  /** Shows a text instead of a picture. */
  say(...content) {
    this.item = this.image = null;
    this.element.replaceChildren(h("div", { class: "stage-note" }, ...content));
  }

  /** Magnifies by a factor, around the middle or a point of the stage. */
  zoom(factor, x = 0, y = 0) {
    if (!this.image) return;
    const before = this.scale;
    this.scale = Math.min(Math.max(1, before * factor), Math.max(1, MOST / this.#fitting()));
    const ratio = this.scale / before;
    this.x = x - (x - this.x) * ratio;
    this.y = y - (y - this.y) * ratio;
    this.#place();
    this.#sharpen();
  }

  /** Shows all of the picture again. */
  fit() {
    this.#reset();
    this.#place();
  }

  /** Moves a magnified picture; false if it is not magnified. */
  pan(dx, dy) {
    if (this.scale <= 1) return false;
    [this.x, this.y] = [this.x + dx, this.y + dy];
    this.#place();
    return true;
  }

  /** Zooms and moves by keys; true if the key meant that. */
  key(event) {
    const move = 80;
    const moves = { ArrowLeft: [move, 0], ArrowRight: [-move, 0], ArrowUp: [0, move], ArrowDown: [0, -move] };
    if (event.key === "+" || event.key === "=") this.zoom(STEP);
    else if (event.key === "-") this.zoom(1 / STEP);
    else if (event.key === "0") this.fit();
    else return event.key in moves && this.pan(...moves[event.key]);
    return true;
  }

  #reset() {
    [this.scale, this.x, this.y] = [1, 0, 0];
  }

  /** CSS pixels for a pixel of the image, all of it in sight. */
  #fitting() {
    const { width, height } = this.source;
    const room = { width: this.element.clientWidth, height: this.element.clientHeight };
    const fitting = Math.min(room.width / width, room.height / height);
    if (Math.max(width, height) > TINY) return Math.min(fitting, 2);
    return Math.max(1, Math.floor(Math.min(fitting, TINY_SHOWN / Math.max(width, height))));
  }

  #place() {
    if (!this.image) return;
    const fitting = this.#fitting();
    const width = this.source.width * fitting * this.scale, height = this.source.height * fitting * this.scale;
    const slack = { x: Math.max(0, (width - this.element.clientWidth) / 2),
                    y: Math.max(0, (height - this.element.clientHeight) / 2) };
    this.x = Math.min(slack.x, Math.max(-slack.x, this.x));
    this.y = Math.min(slack.y, Math.max(-slack.y, this.y));
    this.image.style.width = `${width}px`;
    this.image.style.height = `${height}px`;
    this.image.style.transform = `translate(calc(-50% + ${this.x}px), calc(-50% + ${this.y}px))`;
    const pixels = fitting * this.scale >= 3 || Math.max(this.source.width, this.source.height) <= TINY;
    this.image.classList.toggle("pixels", pixels);
    this.element.classList.toggle("magnified", this.scale > 1);
  }

  /** Takes the picture in full size when the one shown has fewer pixels than the screen. */
  async #sharpen() {
    const { item, image } = this;
    const wanted = image.clientWidth * devicePixelRatio;
    if (image.dataset.full || wanted <= image.naturalWidth || image.naturalWidth >= item.width) return;
    const full = (await picture(item.index, "full").catch(() => null))?.cloneNode();
    if (!full || this.item !== item) return;
    await full.decode();
    full.dataset.full = "1";
    full.alt = image.alt;
    this.image = full;
    this.element.replaceChildren(full);
    this.#place();
  }

  #wheel(event) {
    if (!this.image) return;
    event.preventDefault();
    const box = this.element.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
    this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, x, y);
  }

  #drag(start) {
    if (this.scale <= 1 || start.button !== 0) return;
    start.preventDefault();
    this.element.setPointerCapture(start.pointerId);
    const move = (event) => this.pan(event.movementX, event.movementY);
    this.element.addEventListener("pointermove", move);
    const stop = () => this.element.removeEventListener("pointermove", move);
    this.element.addEventListener("pointerup", stop, { once: true });
    this.element.addEventListener("pointercancel", stop, { once: true });
  }
}
