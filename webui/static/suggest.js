// What may be typed in the search box, below it: a combobox as the ARIA Authoring Practices describe it.
// Without this module it is a plain search field.

const PAUSE_MS = 120;
const KEPT = 100; // answers

const box = document.querySelector("#q");
const list = Object.assign(document.createElement("ul"), { id: "suggestions", className: "suggestions card", hidden: true });
const status = Object.assign(document.createElement("span"), { className: "hidden" });
const answers = new Map();
let options = [];
let active = -1;
let typed = "";
let timer = 0;
let stop = new AbortController();

function setUp() {
  box.type = "text"; // a search field may not be a combobox
  const said = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": false, "aria-controls": list.id };
  for (const [name, value] of Object.entries(said)) box.setAttribute(name, value);
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", box.dataset.name);
  status.setAttribute("role", "status");
  box.after(list, status);
  box.addEventListener("input", () => later());
  box.addEventListener("click", () => box.value || ask());
  box.addEventListener("blur", close);
  box.addEventListener("keydown", press);
  box.form.addEventListener("submit", close);
  addEventListener("pageshow", close);
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the box keeps the focus
  list.addEventListener("click", (event) => {
    const place = [...list.children].indexOf(event.target.closest("li"));
    if (place < 0) return;
    if (event.target.matches(".drop")) forget(place);
    else choose(place);
  });
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE_MS);
}

async function ask() {
  clearTimeout(timer);
  typed = box.value;
  if (box.selectionEnd < typed.length) return close();
  const found = answers.get(typed) ?? (await fetched(typed));
  if (found && box.value === typed && document.activeElement === box) show(found);
}

/** What the server says; null if that is no longer wanted, or cannot be had. */
async function fetched(text) {
  stop.abort();
  stop = new AbortController();
  try {
    const answer = await fetch(`${box.dataset.suggest}?q=${encodeURIComponent(text)}`, { signal: stop.signal });
    if (!answer.ok) return null;
    const found = await answer.json();
    answers.set(text, found);
    if (answers.size > KEPT) answers.delete(answers.keys().next().value);
    return found;
  } catch {
    return null;
  }
}

function show(found) {
  options = found;
  active = -1;
  list.replaceChildren(...found.map(option));
  list.hidden = !found.length;
  box.setAttribute("aria-expanded", Boolean(found.length));
  box.removeAttribute("aria-activedescendant");
  status.textContent = found.length ? box.dataset.some.replace("#", found.length) : box.dataset.none;
}

function option(one, i) {
  const item = Object.assign(document.createElement("li"), { id: `suggestion-${i}`, className: one.kind });
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", false);
  const what = Object.assign(document.createElement("span"), { className: "what", textContent: one.query });
  const about = Object.assign(document.createElement("span"), { className: "also", textContent: one.about });
  item.append(what, about);
  if (one.kind === "past") {
    // For the mouse; by keyboard it is the Delete key, and the page of past searches has buttons.
    const drop = Object.assign(document.createElement("span"), { className: "drop", textContent: "×", title: box.dataset.drop });
    drop.setAttribute("aria-hidden", true);
    item.append(drop);
  }
  return item;
}

function close() {
  clearTimeout(timer);
  stop.abort();
  list.hidden = true;
  options = [];
  active = -1;
  status.textContent = "";
  box.setAttribute("aria-expanded", false);
  box.removeAttribute("aria-activedescendant");
}

/** Make an option the active one, as its query in the box shows; -1 goes back to what was typed. */
function activate(place) {
  list.children[active]?.setAttribute("aria-selected", false);
  active = place;
  const item = list.children[place];
  item?.setAttribute("aria-selected", true);
  item?.scrollIntoView({ block: "nearest" });
  if (item) box.setAttribute("aria-activedescendant", item.id);
  else box.removeAttribute("aria-activedescendant");
  box.value = options[place]?.query ?? typed;
}

/** Search by an option, or go on from one that is not whole. */
function choose(place) {
  const { query, kind } = options[place];
  box.value = query;
  if (kind === "field") return ask();
  close();
  box.form.requestSubmit();
}

async function forget(place) {
  const body = new FormData();
  body.append("q", options[place].query);
  await fetch(box.dataset.forget, { method: "POST", body, redirect: "manual" });
  answers.clear();
  box.value = typed;
  ask();
}

const steps = { ArrowDown: 1, ArrowUp: -1 };

function press(event) {
  if (event.key in steps && !event.altKey) {
    event.preventDefault();
    if (list.hidden) return ask();
    const count = options.length + 1; // what was typed is one of them
    return activate(((active + 1 + steps[event.key] + count) % count) - 1);
  }
  if (list.hidden) return undefined;
  if (event.key === "Escape") {
    event.stopPropagation(); // else it would leave the box
    box.value = typed;
    close();
  } else if (event.key === "Enter" && options[active]?.kind === "field") {
    event.preventDefault();
    choose(active);
  } else if (event.key === "Delete" && options[active]?.kind === "past") {
    event.preventDefault();
    forget(active);
  }
  return undefined;
}

setUp();
