// Figures of photos: those that the page came with, others as they are wanted, and grey ones until they are there.

const KEPT = 1000;
const AT_ONCE = 100;
const PAUSE_MS = 60;

export class Figures {
  #known = new Map();
  #grey = new Map();
  #gone = new Set();
  #wanted = [];
  #asked = null;
  #timer = 0;
  #waiting = [];

  /** How likely photos are, in percent, where that is known. */
  sure = new Map();

  /** `changed` is called when there are others than before. */
  constructor(root, changed) {
    this.root = root;
    this.changed = changed;
  }

  /** Take those that are in the page. */
  adopt() {
    for (const figure of this.root.querySelectorAll("figure[data-id]")) this.#known.set(Number(figure.dataset.id), figure);
  }

  /** The figure of a photo, grey if it has not come. */
  of(id, ratio) {
    const figure = this.#known.get(id) ?? this.#grey.get(id) ?? this.#make(id);
    figure.style.setProperty("--ratio", ratio);
    return figure;
  }

  /** Wait for the figure of a photo. */
  ready(id) {
    const figure = this.#known.get(id);
    return figure ? Promise.resolve(figure) : new Promise((resolve) => this.#waiting.push({ id, resolve }));
  }

  /** Have the figures of these photos come, and no longer those that were wanted before. */
  fetch(ids) {
    this.#wanted = ids.filter((id) => !this.#known.has(id) && !this.#gone.has(id));
    const kept = new Set(ids);
    for (const id of this.#grey.keys()) if (!kept.has(id)) this.#grey.delete(id);
    if (this.#known.size > KEPT) {
      for (const id of this.#known.keys()) {
        if (this.#known.size <= KEPT) break;
        if (!kept.has(id) && !this.#known.get(id).isConnected) this.#known.delete(id);
      }
    }
    if (this.#asked && !this.#asked.ids.some((id) => kept.has(id))) this.#asked.stop.abort();
    clearTimeout(this.#timer);
    if (this.#wanted.length && !this.#asked) this.#timer = setTimeout(() => this.#ask(), PAUSE_MS);
  }

  async #ask() {
    const ids = this.#wanted.slice(0, AT_ONCE);
    const stop = new AbortController();
    this.#asked = { ids, stop };
    try {
      const { figures: url } = this.root.dataset;
      const sure = ids.every((id) => this.sure.has(id)) ? `&sure=${ids.map((id) => this.sure.get(id))}` : "";
      const answer = await fetch(`${url}${url.includes("?") ? "&" : "?"}ids=${ids}${sure}`, { signal: stop.signal });
      if (!answer.ok) return;
      this.#take(await answer.text(), ids);
    } catch (error) {
      if (error.name !== "AbortError") return;
    } finally {
      this.#asked = null;
    }
    this.changed();
  }

  #take(html, ids) {
    const sent = document.createElement("template");
    sent.innerHTML = html;
    for (const figure of sent.content.querySelectorAll("figure")) this.#known.set(Number(figure.dataset.id), figure);
    for (const id of ids) {
      this.#grey.delete(id);
      if (!this.#known.has(id)) this.#gone.add(id);
    }
    this.#waiting = this.#waiting.filter(({ id, resolve }) => {
      if (this.#known.has(id) || this.#gone.has(id)) resolve(this.#known.get(id));
      else return true;
      return false;
    });
  }

  #make(id) {
    const figure = document.createElement("figure");
    figure.className = "photo waiting";
    figure.append(Object.assign(document.createElement("div"), { className: "picture" }));
    this.#grey.set(id, figure);
    return figure;
  }
}
