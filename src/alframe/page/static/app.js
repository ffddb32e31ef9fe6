// The labelling page: its state, its views, its keys. The server is asked for the state about once a second.

import { get, Refused } from "./api.js";
import { byId, announce, counted, h } from "./dom.js";
import { addClass, askName, help, settings } from "./dialogs.js";
import { EndView, FailedView } from "./end.js";
import { GalleryView } from "./gallery.js";
import { footer, LabelView } from "./label.js";
import { Outbox } from "./outbox.js";
import { PeopleView } from "./people.js";
import { picturesOf } from "./pictures.js";
import { ProgressView } from "./progress.js";
import { SetupView } from "./setup.js";

const POLL = 1000, POLL_HIDDEN = 5000, POLL_LOST = 2000; // milliseconds
const VIEWS = { progress: ProgressView, gallery: GalleryView, people: PeopleView };
const KEYS = { t: "progress", l: "gallery" };

class App {
  constructor() {
    this.state = null;
    this.who = localStorage.getItem("alframe.who") ?? "";
    this.mode = sessionStorage.getItem("alframe.mode") ?? "grid";
    this.keysOn = localStorage.getItem("alframe.keys") !== "off";
    this.offline = false;
    this.unsentSinceState = 0;
    this.outbox = new Outbox({
      changed: () => this.#told(),
      refused: (entry, error) => this.#refused(entry, error),
      lost: (error) => this.lost(error),
      back: () => this.refresh(),
    });
  }

  start() {
    addEventListener("hashchange", () => this.#render(true));
    addEventListener("keydown", (event) => this.#key(event));
    addEventListener("online", () => this.refresh());
    addEventListener("beforeunload", (event) => this.outbox.unsent > 0 && event.preventDefault());
    document.addEventListener("visibilitychange", () => {
      this.view?.visibility?.(document.hidden);
      if (!document.hidden) this.refresh();
    });
    byId("help-button").onclick = () => help(this);
    byId("settings-button").onclick = () => settings(this);
    byId("person").onclick = () => askName(this);
    this.#poll();
  }

  async #poll() {
    await this.refresh();
    const pause = this.offline ? POLL_LOST : document.hidden ? POLL_HIDDEN : POLL;
    if (this.over) return;
    setTimeout(() => this.#poll(), pause);
  }

  /** Reads the state and shows it. Calls at the same time share one request. */
  refresh() {
    this.reading ??= this.#read().finally(() => (this.reading = null));
    return this.reading;
  }

  async #read() {
    try {
      const state = await get("/api/state", { who: this.who });
      if (this.state && this.state.trial?.id !== state.trial?.id) return location.reload();
      const first = !this.state;
      const back = this.offline;
      this.state = state;
      this.unsentSinceState = this.outbox.unsent;
      if (first) this.#bind();
      if (back) this.#back();
      this.#render(false);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.lost(error);
    }
  }

  #bind() {
    picturesOf(this.state.trial?.id ?? "");
    const dropped = this.outbox.bind(this.state.trial?.id ?? "");
    if (dropped) this.#warn(`${counted(dropped, "unsent answer")} of another trial ${dropped === 1 ? "was" : "were"} left out.`);
  }

  // --- what is sent

  /** Sends a request in its turn, again and again until the server has it. Returns a promise of the reply. */
  send(path, body) {
    this.unsentSinceState += body.answers?.length ?? 0;
    const reply = this.outbox.add(path, body);
    return reply;
  }

  #told() {
    const { unsent } = this.outbox;
    const saved = byId("saved");
    const text = unsent === 0 ? (this.sent ? "Saved" : "") : this.offline ? `Not saved: ${unsent}` : "Saving …";
    if (unsent > 0) this.sent = true;
    else if (this.sent && !this.offline) clearTimeout(this.soon), (this.soon = setTimeout(() => this.refresh(), 50));
    if (saved.textContent !== text) saved.textContent = text;
    saved.className = unsent === 0 ? "saved" : this.offline ? "unsaved" : "saving";
    if (this.state) footer(this);
    if (this.offline) this.#offlineBanner();
  }

  #refused(entry, error) {
    if (entry.path !== "/api/undo") this.#warn(`Not accepted: ${error.message}`);
    this.refresh().then(() => this.restart());
  }

  lost(error = new Refused("The server does not answer.", 0)) {
    if (this.over) return;
    this.offline = true;
    this.problem = error;
    this.#offlineBanner();
    this.#told();
  }

  #offlineBanner() {
    const { unsent } = this.outbox;
    const denied = this.problem?.status === 403 || this.problem?.status === 401;
    const why = denied ? "This address is no longer valid. Open the address that the terminal shows, in this window."
      : this.problem?.status >= 500 ? `The server has a problem: ${this.problem.message}`
      : "alframe does not answer. Is it still running? The page goes on by itself as soon as it is back.";
    const kept = unsent ? ` ${counted(unsent, "answer")} ${unsent === 1 ? "waits" : "wait"} in this page; keep it open.` : "";
    this.#banner(why + kept);
  }

  #back() {
    this.offline = false;
    this.problem = null;
    this.outbox.retry();
    this.#banner("");
    announce("alframe is back");
    this.#told();
    this.view?.back?.();
  }

  #banner(text) {
    const banner = byId("banner");
    if (banner.textContent !== text) banner.textContent = text;
    banner.hidden = text === "";
  }

  #warn(text) {
    const note = h("div", { class: "toast", role: "alert" }, h("span", {}, text),
      h("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => note.remove() }, "✕"));
    document.body.append(note);
  }

  // --- what is shown

  /** The name of the view that is due, and its class. */
  #due() {
    const { stage } = this.state;
    if (stage === "setup") return ["setup", SetupView];
    const name = location.hash.slice(1);
    if (name in VIEWS) return [name, VIEWS[name]];
    if (stage === "finished") return ["end", EndView];
    if (stage === "failed") return ["failed", FailedView];
    return ["label", LabelView];
  }

  #render(moved) {
    if (!this.state) return;
    const [name, View] = this.#due();
    this.#frame(name);
    if (name === this.name && this.view) this.view.update();
    else {
      const another = this.name !== undefined;
      this.view?.close?.();
      this.name = name;
      this.view = new View(this);
      byId("main").className = `main ${name}`;
      byId("main").tabIndex = name === "label" ? -1 : 0; // a page that scrolls can be reached by keys
      byId("main").replaceChildren(this.view.element);
      if (another || moved) this.#focusHeading();
    }
    if (name === "label" && !this.who && !document.querySelector("dialog")) askName(this);
  }

  #focusHeading() {
    const heading = byId("main").querySelector("h1") ?? byId("main");
    if (heading.tabIndex < 0) heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }

  #frame(name) {
    const { trial, stage, question } = this.state;
    byId("trial").textContent = nameOf(trial);
    const setup = stage === "setup";
    for (const id of ["nav", "help-button", "settings-button", "foot"]) byId(id).hidden = setup;
    if (stage === "finished") byId("settings-button").hidden = true; // nothing is asked any more
    byId("person").hidden = setup || !this.who;
    byId("person").textContent = this.who;
    byId("person").setAttribute("aria-label", `Your name: ${this.who}. Change it`);
    for (const link of byId("nav").children) {
      const here = link.hash.slice(1) === (name in VIEWS ? name : "label");
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    byId("nav").firstElementChild.textContent = stage === "finished" ? "Result" : "Label";
    const todo = stage === "labelling" && question?.left_for_you ? `(${question.left_for_you}) ` : "";
    document.title = `${todo}${trial?.name ? `${nameOf(trial)} – ` : ""}alframe`;
    footer(this);
  }

  /** Builds the view of the labels again, after something that changes what is asked. */
  restart() {
    this.view?.restart?.();
  }

  setMode(mode) {
    this.mode = mode;
    sessionStorage.setItem("alframe.mode", mode);
    this.restart();
  }

  setName(name) {
    this.who = name;
    localStorage.setItem("alframe.who", name);
    return this.refresh().then(() => this.restart());
  }

  setKeys(on) {
    this.keysOn = on;
    localStorage.setItem("alframe.keys", on ? "on" : "off");
  }

  addClass() {
    addClass(this);
  }

  /** The server is about to end: nothing is asked any more. */
  end() {
    this.over = true;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (!this.state || document.querySelector("dialog[open]")) return;
    const typing = event.target.matches?.("input, textarea, select");
    if (typing) return;
    const presses = event.key === " " || event.key === "Enter";
    if (presses && event.target.closest?.("button, a, summary")) return;
    if (!this.keysOn && event.key.length === 1 && event.key !== " ") return;
    if (this.#globalKey(event.key) || this.view?.key?.(event)) event.preventDefault();
  }

  #globalKey(key) {
    const { stage } = this.state;
    if (stage === "setup") return false;
    if (key === "h") help(this);
    else if (key in KEYS) location.hash = KEYS[key];
    else if (key === "Escape" && this.name in VIEWS) location.hash = "label";
    else if (key === "a" && this.name === "label" && stage === "labelling") this.addClass();
    else if (key === "g" && this.name === "label") this.setMode(this.mode === "grid" ? "single" : "grid");
    else return false;
    return true;
  }
}

/** The name of a trial; a whole command line is none. */
function nameOf(trial) {
  return [trial?.name, trial?.data].find((name) => name && !name.includes("=")) ?? "alframe";
}

new App().start();
