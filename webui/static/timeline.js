// A line of years at the edge of the screen: drag it, click on it, or use its keys, to go to a date.

import { lastUpTo } from "./rows.js";

const APART = 20; // pixels between two years' names

export class Timeline {
  #starts = [];
  #total = 0;
  #line = document.createElement("div");
  #thumb = document.createElement("span");
  #told = document.createElement("span");
  #now = 0;
  #dragged = false;

  /** `months` are [month, title, count] in the list's order; `go` is called with the place in the list to go to. */
  constructor(months, label, go) {
    this.months = months;
    this.go = go;
    for (const [, , count] of months) {
      this.#starts.push(this.#total);
      this.#total += count;
    }
    if (months.length < 2) return;
    this.#line.className = "timeline";
    const said = { role: "slider", tabindex: 0, "aria-label": label, "aria-orientation": "vertical", "aria-valuemin": 0, "aria-valuemax": months.length - 1 };
    for (const [name, value] of Object.entries(said)) this.#line.setAttribute(name, value);
    this.#thumb.className = "thumb";
    this.#told.className = "told";
    this.#thumb.append(this.#told);
    document.querySelector("main").append(this.#line);
    this.#name();
    addEventListener("resize", () => this.#name());
    this.#line.addEventListener("keydown", (event) => this.#press(event));
    this.#line.addEventListener("pointerdown", (event) => this.#begin(event));
    this.at(0);
  }

  /** Show which photo is seen first, by its place in the list. */
  at(index) {
    if (!this.#line.isConnected || this.#dragged) return;
    this.#point(index / this.#total, lastUpTo(this.#starts, index));
  }

  #point(share, month) {
    this.#now = month;
    const [, title] = this.months[month];
    this.#thumb.style.top = `${100 * share}%`;
    this.#told.textContent = title;
    this.#line.setAttribute("aria-valuenow", month);
    this.#line.setAttribute("aria-valuetext", title);
  }

  /** Write the years beside the line, as far as there is room. */
  #name() {
    const { height } = this.#line.getBoundingClientRect();
    let last = -Infinity;
    let before = "";
    const names = [];
    this.months.forEach(([month], i) => {
      const year = month.slice(0, 4);
      const top = (this.#starts[i] / this.#total) * height;
      if (!year || year === before || top - last < APART || top > height - APART) return;
      const name = Object.assign(document.createElement("span"), { className: "year", textContent: year });
      name.style.top = `${(100 * this.#starts[i]) / this.#total}%`;
      names.push(name);
      last = top;
      before = year;
    });
    this.#line.replaceChildren(...names, this.#thumb);
  }

  #press(event) {
    const year = (i) => this.months[i][0].slice(0, 4);
    const last = this.months.length - 1;
    const firstOf = (i) => this.months.findIndex(([month]) => month.slice(0, 4) === year(i));
    const after = this.months.findIndex((_month, i) => i > this.#now && year(i) !== year(this.#now));
    const begin = firstOf(this.#now);
    const targets = {
      ArrowDown: this.#now + 1, ArrowRight: this.#now + 1, ArrowUp: this.#now - 1, ArrowLeft: this.#now - 1,
      PageDown: after < 0 ? last : after, PageUp: begin < this.#now ? begin : firstOf(Math.max(0, begin - 1)), Home: 0, End: last,
    };
    if (!(event.key in targets)) return;
    event.preventDefault();
    event.stopPropagation();
    const month = Math.min(Math.max(targets[event.key], 0), last);
    this.#point(this.#starts[month] / this.#total, month);
    this.go(this.#starts[month]);
  }

  #begin(event) {
    event.preventDefault();
    this.#dragged = true;
    this.#line.focus({ preventScroll: true });
    this.#line.setPointerCapture(event.pointerId);
    this.#line.classList.add("dragging");
    let drawn = 0;
    const follow = ({ clientY }) => {
      const { top, height } = this.#line.getBoundingClientRect();
      const share = Math.min(Math.max((clientY - top) / height, 0), 1);
      const index = Math.min(Math.floor(share * this.#total), this.#total - 1);
      const month = lastUpTo(this.#starts, index);
      this.#point(share, month);
      cancelAnimationFrame(drawn);
      drawn = requestAnimationFrame(() => this.go(index));
    };
    const end = () => {
      this.#line.removeEventListener("pointermove", follow);
      this.#line.classList.remove("dragging");
      this.#dragged = false;
    };
    follow(event);
    this.#line.addEventListener("pointermove", follow);
    this.#line.addEventListener("pointerup", end, { once: true });
    this.#line.addEventListener("pointercancel", end, { once: true });
  }
}
