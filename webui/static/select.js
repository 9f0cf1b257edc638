// Photos chosen in the grid without leaving it. Without this module the same boxes and forms do it on a page of their own.

const results = document.querySelector(".results");
const form = document.querySelector("#selection");
const button = document.querySelector("a.select");
const told = form?.querySelector("[data-some]");
const none = told?.textContent;
const chosen = new Set();
let last = null;

const boxOf = (photo) => photo?.querySelector(".choose");
const selecting = () => results.classList.contains("selecting");

function count() {
  told.textContent = chosen.size ? told.dataset.some.replace("#", chosen.size.toLocaleString(document.documentElement.lang)) : none;
}

function choose(photo, on) {
  const box = boxOf(photo);
  box.checked = on;
  if (on) chosen.add(box.value);
  else chosen.delete(box.value);
}

/** Choose a photo or no longer; with `range` also those between it and the one before. */
function toggle(photo, on, range) {
  const all = [...results.querySelectorAll("figure[data-id]")];
  const [from, to] = [all.indexOf(last), all.indexOf(photo)].sort((a, b) => a - b);
  for (const one of range && from >= 0 ? all.slice(from, to + 1) : [photo]) choose(one, on);
  last = photo;
  count();
}

function begin() {
  results.classList.add("selecting");
  count();
}

function leave() {
  for (const photo of results.querySelectorAll("figure[data-id]")) choose(photo, false);
  chosen.clear();
  results.classList.remove("selecting");
  button.focus();
}

function onClick(event) {
  const photo = event.target.closest("figure[data-id]");
  if (!selecting() || !photo || event.target.closest("#selection")) return;
  const box = boxOf(photo);
  if (event.target === box) toggle(photo, box.checked, event.shiftKey);
  else if (event.target.closest("[data-photo]") && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    toggle(photo, !box.checked, event.shiftKey);
  }
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not(.choose), textarea, select")) return;
  const photo = event.target.closest("figure[data-id]");
  if (event.key === "x" && photo) {
    begin();
    toggle(photo, !boxOf(photo).checked, false);
  } else if (event.key === "Escape" && selecting()) {
    leave();
  }
}

if (form && button) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    if (selecting()) leave();
    else begin();
  });
  form.querySelector(".leave").addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
  results.addEventListener("click", onClick, true);
  document.addEventListener("keydown", onKey);
  // Those that have left the page by scrolling are chosen all the same.
  form.addEventListener("formdata", (event) => {
    event.formData.delete("id");
    event.formData.set("ids", [...chosen].join(","));
  });
  form.addEventListener("submit", (event) => {
    const field = event.submitter?.closest(".row")?.querySelector("input");
    for (const other of form.querySelectorAll(".row input")) other.disabled = other !== field;
    setTimeout(() => form.querySelectorAll(".row input").forEach((other) => { other.disabled = false; }));
  });
  // Enter in a field does what stands beside it, not the first thing in the form.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input")) return;
    event.preventDefault();
    event.target.closest(".row").querySelector("button").click();
  });
  new MutationObserver(() => {
    if (chosen.size) for (const box of results.querySelectorAll(".choose")) box.checked = chosen.has(box.value);
  }).observe(results, { childList: true, subtree: true });
  for (const box of results.querySelectorAll(".choose:checked")) chosen.add(box.value); // as the browser kept them
  count();
}
