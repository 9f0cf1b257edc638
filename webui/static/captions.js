// Captions saved in place, by Enter, one after the other. Without this module the same forms do it with a new page.

const list = document.querySelector(".captions-page .list");
const many = document.querySelector("#many");
const notices = document.querySelector(".notices");

/** What a form's answer says, shown where notices are. */
function notify(notice) {
  notices.replaceChildren(...(notice ? [notice] : []));
}

function wrong(text) {
  const notice = document.createElement("div");
  notice.className = "notice wrong";
  notice.append(Object.assign(document.createElement("p"), { textContent: text }));
  notify(notice);
}

/** Send a form of a row, and put the row as it is now in its place; whether that went well. */
async function save(form, submitter) {
  const row = form.closest(".written");
  const data = new FormData(form, submitter);
  data.set("fragment", "1");
  const answer = await fetch(form.action, { method: "POST", body: data }).catch(() => null);
  const said = new DOMParser().parseFromString(answer ? await answer.text() : "", "text/html");
  if (!answer?.ok) {
    wrong(said.querySelector(".empty p")?.textContent ?? notices.dataset.unreached);
    return false;
  }
  notify(said.querySelector(".notice"));
  const fresh = said.querySelector(".written");
  const focused = row.contains(document.activeElement) ? document.activeElement.id : null;
  if (fresh) fresh.querySelector(".choose").checked = row.querySelector(".choose").checked;
  row.replaceWith(...(fresh ? [fresh] : []));
  // What was pressed may be gone, as a tag that was taken away.
  if (focused !== null) (document.getElementById(focused) ?? fresh?.querySelector(".more-tags"))?.focus();
  return true;
}

function mark(field) {
  field.closest(".written").classList.toggle("changed", field.value !== field.defaultValue);
}

/** The caption below, or above, in the list. */
function beside(field, step) {
  const all = [...list.querySelectorAll(".say textarea")];
  return all[all.indexOf(field) + step];
}

async function onKey(event) {
  const field = event.target;
  if (!field.matches(".say textarea") || event.isComposing) return;
  if (event.key === "Enter") {
    event.preventDefault();
    const next = beside(field, event.shiftKey ? -1 : 1)?.id;
    if (field.value !== field.defaultValue && !(await save(field.form))) return;
    (next ? document.getElementById(next) : document.querySelector("a[rel=next]"))?.focus();
  } else if (event.key === "Escape" && field.value !== field.defaultValue) {
    event.stopPropagation();
    field.value = field.defaultValue;
    mark(field);
  }
}

function count() {
  const ticked = list.querySelectorAll(".choose:checked").length;
  many.querySelector("[data-count]").textContent = ticked ? `(${ticked})` : "";
  if (ticked) many.elements.scope.value = "chosen";
}

if (list && many) {
  document.documentElement.classList.add("scripted");
  const keys = document.querySelector(".keys");
  keys.hidden = false;
  list.addEventListener("input", (event) => event.target.matches(".say textarea") && mark(event.target));
  list.addEventListener("keydown", onKey);
  list.addEventListener("submit", (event) => {
    event.preventDefault();
    save(event.target, event.submitter);
  });
  list.addEventListener("change", count);
  keys.querySelector("input").addEventListener("change", (event) => {
    for (const box of list.querySelectorAll(".choose")) box.checked = event.target.checked;
    count();
  });
  // Enter in a field does what stands beside it, not the first thing in the form.
  many.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input:not([type])")) return;
    event.preventDefault();
    event.target.closest("fieldset").querySelector("button").click();
  });
  count();
}
