// Answers as they come, and the photos of one answer. Without this module the page has the answers of the first hits.

const QUARTERS = 4; // of the way, after each of which it is said aloud how far it is

const asking = document.querySelector(".asking");
const told = asking.querySelector(".live") ?? asking.querySelector(".answers");
const grid = asking.querySelector(".grid");
const chosen = document.querySelector("#chosen");
const ratio = (img) => Math.min(Math.max(img.width / img.height, 0.4), 3.2);
let label = null;

/** Show the photos of the chosen answer alone, or all. */
function choose() {
  const link = [...told.querySelectorAll(".count[data-label]")].find((one) => one.dataset.label === label);
  const ids = link && new Set(link.dataset.ids.split(","));
  for (const one of told.querySelectorAll(".count[aria-current]")) one.removeAttribute("aria-current");
  link?.setAttribute("aria-current", "true");
  for (const figure of grid.querySelectorAll("figure")) figure.hidden = Boolean(ids) && !ids.has(figure.dataset.id);
  chosen.hidden = !link;
  if (!link) return;
  chosen.querySelector(".label").textContent = link.dataset.label;
  chosen.querySelector("[name=ids]").value = link.dataset.ids;
}

function follow(url) {
  const status = asking.querySelector("[role=status]");
  const stop = asking.querySelector(".stop");
  const on = asking.querySelector(".on");
  const halted = asking.querySelector(".halted");
  const refused = asking.querySelector(".refused");
  const known = new Set();
  let asked = -1;
  let quarter = 0;
  let events;

  /** Put the tally in place of the one before, with the focus where it was. */
  function count(html) {
    const focused = told.contains(document.activeElement) ? document.activeElement.dataset.label : undefined;
    told.innerHTML = html;
    if (focused !== undefined) [...told.querySelectorAll(".count")].find((one) => one.dataset.label === focused)?.focus();
  }

  function add(html) {
    const sent = document.createElement("template");
    sent.innerHTML = html;
    for (const figure of sent.content.querySelectorAll("figure")) {
      if (known.has(figure.dataset.id)) continue;
      known.add(figure.dataset.id);
      figure.style.setProperty("--ratio", ratio(figure.querySelector("img")));
      grid.append(figure);
    }
  }

  function take(step) {
    add(step.figures);
    if (step.asked < asked) return; // a stream that was begun again goes through what is known first
    asked = step.asked;
    count(step.html);
    grid.prepend(...step.order.map((id) => grid.querySelector(`[data-id="${id}"]`)).filter(Boolean));
    choose();
    const reached = Math.floor((QUARTERS * step.asked) / step.meant);
    if (step.finished || reached > quarter) status.textContent = told.querySelector(".sentence")?.textContent ?? "";
    quarter = reached;
  }

  function open() {
    stop.hidden = false;
    on.hidden = halted.hidden = true;
    events = new EventSource(url);
    events.addEventListener("message", (event) => take(JSON.parse(event.data)));
    events.addEventListener("end", () => {
      events.close();
      stop.hidden = true;
    });
    events.addEventListener("refused", (event) => {
      events.close();
      stop.hidden = told.hidden = true;
      refused.hidden = false;
      refused.textContent = JSON.parse(event.data).said;
    });
  }

  stop.addEventListener("click", () => {
    events.close();
    stop.hidden = true;
    on.hidden = halted.hidden = false;
    status.textContent = halted.textContent;
    on.focus();
  });
  on.addEventListener("click", () => {
    open();
    stop.focus();
  });
  addEventListener("pagehide", () => events.close());
  open();
}

/** Whether all photos are in the page that an answer stands for; of a page with one answer's alone they are not. */
if (chosen?.hidden) {
  told.addEventListener("click", (event) => {
    const link = event.target.closest(".count[data-label]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    label = link.dataset.label === label ? null : link.dataset.label;
    choose();
  });
  chosen.querySelector(".whole").addEventListener("click", (event) => {
    event.preventDefault();
    told.querySelector(".count[aria-current]")?.focus();
    label = null;
    choose();
  });
}
if (asking.dataset.events) follow(asking.dataset.events);
