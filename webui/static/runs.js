// How far the run at work is, looked up every two seconds; without this module the page reloads itself.

const page = document.querySelector("[data-runs]");
const EVERY = 2000;

const number = (value, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** A time such as 1:02:03. */
function clock(seconds) {
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}:${two(seconds % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

const write = (selector, text) => {
  const place = page.querySelector(selector);
  if (place) place.textContent = text;
};

/** Bring the page to where a run is. */
function tell(run) {
  for (const name of ["total", "rate", "left"]) {
    const place = page.querySelector(`[data-has="${name}"]`);
    if (place) place.hidden = !run[name];
  }
  write('[data-run="phase"]', run.phase || "starting");
  write('[data-run="done"]', number(run.done));
  write('[data-run="total"]', number(run.total));
  write('[data-run="rate"]', number(run.rate ?? 0, 1));
  write('[data-run="left"]', clock(run.left ?? 0));
  write('[data-run="seconds"]', clock(run.seconds));
  for (const [name, count] of Object.entries(run.counts)) write(`[data-count="${name}"]`, number(count));
  const bar = page.querySelector("progress");
  bar.max = run.total || 1;
  if (run.total) bar.value = run.done;
  else bar.removeAttribute("value");
}

async function look() {
  const answer = await fetch(page.dataset.runs, { cache: "no-store" }).catch(() => null);
  if (!answer?.ok) return; // the server may be restarting
  const { runs } = await answer.json();
  const live = runs.find((run) => run.outcome === "running");
  if (String(live?.id ?? "") !== page.dataset.live) location.reload();
  else if (live) tell(live);
}

setInterval(() => document.hidden || look(), EVERY);
