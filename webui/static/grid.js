// All the photos of a view in one scroll, of which only those near the screen are in the page.
// Without this module there are pages, with links from one to the next.

import { Figures } from "./figures.js";
import { keepPlace, placeToReturnTo } from "./place.js";
import { lastUpTo, rows } from "./rows.js";
import { Timeline } from "./timeline.js";

const AIR = 8; // pixels between what stays at the top and a photo that is gone to

const all = document.querySelector("[data-list]");
const figures = new Figures(all, () => draw(true));
const bar = document.querySelector(".top");
const phone = matchMedia("(max-width: 34rem)"); // where the style sheet lets a photo be as wide as the screen
const stretches = [];
const ids = [];
const ratios = [];
const waiting = [];
let whole = false;
let size;
let timeline;

/** Photos under one title: from `start` on in the list, in `grid`, whose rows are where `tops` says. */
class Stretch {
  constructor(month, title, start) {
    Object.assign(this, { month, title, start, end: start, tops: [], firsts: [], heights: [], from: 0, to: 0 });
    this.section = all.querySelector(`[data-month="${month}"]`) ?? all.querySelector(".stretch:not([data-month])") ?? this.make();
    this.grid = this.section.querySelector(".grid");
  }

  make() {
    const section = document.createElement("section");
    section.className = "stretch";
    section.dataset.month = this.month;
    section.id = `m${this.month}`;
    section.setAttribute("aria-label", this.title);
    if (this.title) section.append(Object.assign(document.createElement("h2"), { textContent: this.title }));
    section.append(Object.assign(document.createElement("div"), { className: "grid" }));
    return section;
  }

  lay() {
    const laid = rows(ratios.slice(this.start, this.end), size);
    this.firsts = laid.firsts;
    this.heights = laid.heights;
    this.tops = [];
    let top = 0;
    for (const height of laid.heights) {
      this.tops.push(top);
      top += height + size.below + size.between;
    }
    this.grid.style.height = `${top - size.between}px`;
    this.from = this.to = 0;
  }

  /** The row that a photo is in, and where that begins, from the grid's top. */
  rowOf(index) {
    return lastUpTo(this.firsts, index - this.start);
  }

  /** Have those rows in the page that are between two heights, from the grid's top, and no others. */
  show(above, below, again) {
    const last = this.tops.length - 1;
    const outside = last < 0 || below < 0 || above > this.tops[last] + this.heights[last] + size.below;
    const first = outside ? 0 : lastUpTo(this.tops, above);
    const end = outside ? 0 : lastUpTo(this.tops, below) + 1;
    const from = outside ? 0 : this.start + this.firsts[first];
    const to = outside ? 0 : end > last ? this.end : this.start + this.firsts[end];
    if (from === this.from && to === this.to && !again) return;
    Object.assign(this, { from, to });
    const wanted = [];
    for (let row = first; row < end; row += 1) {
      let left = 0;
      const stop = row < last ? this.firsts[row + 1] : this.end - this.start;
      for (let i = this.start + this.firsts[row]; i < this.start + stop; i += 1) {
        const width = ratios[i] * this.heights[row];
        wanted.push(placed(figures.of(ids[i], ratios[i]), left, this.tops[row], width));
        left += width + size.gap;
      }
    }
    reconcile(this.grid, wanted);
  }
}

function placed(figure, left, top, width) {
  const style = figure.style;
  style.left = `${left}px`;
  style.top = `${top}px`;
  style.width = `${width}px`;
  return figure;
}

/** Have these figures in a grid, in their order, without moving those that stay: they may have the focus. */
function reconcile(grid, wanted) {
  const stays = new Set(wanted);
  const focused = document.activeElement?.closest?.("figure");
  for (const figure of [...grid.children]) if (!stays.has(figure) && figure !== focused) figure.remove();
  let at = grid.firstElementChild;
  for (const figure of wanted) {
    if (at && at === focused && !stays.has(at)) at = at.nextElementSibling;
    if (figure === at) at = at.nextElementSibling;
    else grid.insertBefore(figure, at);
  }
}

/** What the style sheet says, of a figure that is there. */
function measure() {
  const grid = all.querySelector(".grid");
  const probe = grid.appendChild(Object.assign(document.createElement("i"), { className: "probe" }));
  const { width: gap, height: row } = probe.getBoundingClientRect();
  probe.remove();
  const figure = grid.querySelector(".photo");
  const below = figure ? figure.getBoundingClientRect().height - figure.querySelector(".picture").getBoundingClientRect().height : size.below;
  const { width } = grid.getBoundingClientRect();
  const head = all.querySelector("h2")?.getBoundingClientRect().height ?? 0;
  size = { width, row, gap, below, head, between: parseFloat(getComputedStyle(grid).rowGap), most: phone.matches ? Infinity : 2 };
  document.documentElement.style.setProperty("--top", `${bar.getBoundingClientRect().height}px`);
}

const topOf = (element) => element.getBoundingClientRect().top;

/** Where photos begin to be seen: below what stays at the top. */
const brow = () => bar.getBoundingClientRect().height + size.head;

/** The stretch that a photo is in. */
const stretchOf = (index) => stretches[lastUpTo(stretches.map((one) => one.start), index)];

/** Where a photo is on the screen. */
function topOfPhoto(index) {
  const stretch = stretchOf(index);
  return topOf(stretch.grid) + stretch.tops[stretch.rowOf(index)];
}

/** The first photo that is wholly or mostly below what stays at the top. */
function firstSeen() {
  const line = brow();
  const stretch = stretches[lastUpTo(stretches.map((one) => topOf(one.section)), line + 1)];
  const inside = line - topOf(stretch.grid);
  let row = lastUpTo(stretch.tops, inside);
  if (inside - stretch.tops[row] > stretch.heights[row] / 2 && row < stretch.tops.length - 1) row += 1;
  return stretch.start + stretch.firsts[row];
}

/** Have what is near the screen in the page. */
function draw(again = false) {
  const margin = innerHeight;
  const tops = stretches.map((one) => topOf(one.grid));
  stretches.forEach((one, i) => one.show(-margin - tops[i], innerHeight + margin - tops[i], again));
  figures.fetch(stretches.flatMap((one) => ids.slice(one.from, one.to)));
  if (timeline) timeline.at(firstSeen());
}

/** Lay out afresh, with what is seen staying where it is. */
function relay() {
  const index = stretches.length ? firstSeen() : 0;
  const before = stretches.length ? topOfPhoto(index) : 0;
  measure();
  for (const stretch of stretches) stretch.lay();
  scrollBy(0, topOfPhoto(index) - before);
  draw(true);
}

/** Take what was sent of the list. */
function take(sent) {
  let changed = stretches.length;
  for (let i = 0; i < sent.ids.length; i += 1) {
    ids.push(sent.ids[i]);
    ratios.push(sent.ratios[i]);
    if (sent.sure) figures.sure.set(sent.ids[i], sent.sure[i]);
  }
  for (const [month, title, count] of sent.months) {
    const last = stretches.at(-1);
    if (last?.month === month) {
      changed = Math.min(changed, stretches.length - 1);
      last.end += count;
    } else {
      const stretch = new Stretch(month, title, last?.end ?? 0);
      stretch.end += count;
      stretches.push(stretch);
    }
  }
  return changed;
}

const read = async (url) => (await fetch(url)).json();

/** The place of a photo in the list, once it is known; -1 if it is not in it. */
const indexOf = (id) => known(() => ids.indexOf(id));

/** Wait until the list is so long. */
const listedTo = (index) => known(() => (ids.length > index ? index : -1));

function known(look) {
  const found = look();
  return found >= 0 || whole ? Promise.resolve(found) : new Promise((resolve) => waiting.push({ look, resolve }));
}

/** Go on with what waits for more of the list. */
function tell() {
  for (const one of waiting.splice(0)) {
    const found = one.look();
    if (found >= 0 || whole) one.resolve(found);
    else waiting.push(one);
  }
}

/** Go to a photo, so that it is the first that is seen, or `top` from the top of the screen. */
async function go(index, top = null) {
  const there = await listedTo(index);
  const place = there < 0 ? ids.length - 1 : there;
  scrollBy(0, topOfPhoto(place) - (top ?? brow() + AIR));
  draw();
}

/** The first photo that is seen of those that the page came with. */
function seenOfPage() {
  const sent = [...all.querySelectorAll("[data-id]")];
  const first = sent.find((one) => topOf(one) >= bar.getBoundingClientRect().height) ?? sent[0];
  return { id: Number(first.dataset.id), top: topOf(first) };
}

/** Take over from the page that was sent: all of the list, in its place. */
function begin(sent, { id, top }) {
  measure();
  figures.adopt();
  take(sent);
  all.classList.add("windowed");
  all.replaceChildren(...stretches.map((one) => one.section));
  for (const stretch of stretches) stretch.lay();
  const index = ids.indexOf(id);
  if (index > 0) scrollBy(0, topOfPhoto(index) - top);
  draw(true);
  document.querySelector("nav.pages")?.remove();
  document.querySelector(".paged")?.remove();
}

async function start() {
  const url = all.dataset.list;
  const back = placeToReturnTo();
  let sent = await read(url);
  const seen = seenOfPage();
  begin(sent, seen);
  let width = all.clientWidth;
  new ResizeObserver(() => {
    if (all.clientWidth === width) return;
    width = all.clientWidth;
    relay();
  }).observe(all);
  let drawing = 0;
  addEventListener("scroll", () => {
    drawing ||= requestAnimationFrame(() => {
      drawing = 0;
      draw();
    });
  }, { passive: true });
  if (all.dataset.dates) read(all.dataset.dates).then((months) => {
    timeline = new Timeline(months, all.dataset.date, go);
    draw();
  });
  keepPlace(() => {
    const index = firstSeen();
    return { id: ids[index], top: topOfPhoto(index) };
  });
  comeBack(back ?? seen);
  while (sent.next !== null) {
    sent = await read(`${url}${url.includes("?") ? "&" : "?"}after=${sent.next}`);
    const changed = take(sent);
    for (const stretch of stretches.slice(changed)) {
      if (!stretch.section.isConnected) all.append(stretch.section);
      stretch.lay();
    }
    draw();
    tell();
  }
  whole = true;
  tell();
  document.querySelector(".more[hidden]")?.removeAttribute("hidden");
}

/** Go where somebody was before they looked at a photo, with the focus on that. */
async function comeBack({ id, top, looked }) {
  const index = id === null ? -1 : await indexOf(id);
  if (index > 0) await go(index, top);
  if (!looked) return;
  const place = await indexOf(looked);
  if (place < 0) return;
  const at = topOfPhoto(place);
  if (at < brow() || at > innerHeight - 100) await go(place, innerHeight / 3);
  (await figures.ready(looked))?.querySelector("[data-photo]").focus({ preventScroll: true });
}

start();
