// An edit tried again at each change of its plan, and laid over the original under a slider. Without this module the
// same form does it with a new page, and both pictures stand side by side.

const page = document.querySelector(".editing");
const plan = page.querySelector(".plan");
let latest = 0; // the change that was made last: answers to earlier ones are of no use

/** Lay the two pictures over one another, and let the slider say how far. */
function wipe() {
  const slider = page.querySelector(".wipe");
  if (!slider) return;
  slider.hidden = false;
  const range = slider.querySelector("input");
  const show = () => page.querySelector(".compare").style.setProperty("--from", `${range.value}%`);
  range.addEventListener("input", show);
  show();
}

/** A range beside each number, which says the same. */
function slide(number) {
  const range = number.parentElement.querySelector("input[type=range]");
  range.hidden = false;
  range.addEventListener("input", () => (number.value = range.value));
  number.addEventListener("input", () => (range.value = number.value || 0));
}

/** Have the server try the plan as it is now, and show what it says. */
async function retry() {
  const mine = ++latest;
  const address = new URL(plan.action);
  address.search = new URLSearchParams(new FormData(plan));
  const pictures = page.querySelector(".pictures");
  pictures.setAttribute("aria-busy", "true");
  const answer = await fetch(address).catch(() => null);
  const text = answer ? await answer.text() : "";
  if (mine !== latest) return;
  pictures.removeAttribute("aria-busy");
  const fresh = new DOMParser().parseFromString(text, "text/html");
  if (!fresh.querySelector(".editing")) return plan.requestSubmit(plan.querySelector(".try")); // which shows what is wrong
  for (const part of ["#wrong", ".outcome-of"]) {
    page.querySelector(part).replaceChildren(...(fresh.querySelector(part)?.childNodes ?? []));
  }
  if (answer.ok) {
    const at = page.querySelector(".wipe input")?.value;
    pictures.replaceChildren(...fresh.querySelector(".pictures").childNodes);
    const range = page.querySelector(".wipe input");
    if (range && at) range.value = at;
    wipe();
    history.replaceState(null, "", address);
  }
}

document.documentElement.classList.add("scripted");
wipe();
if (plan) {
  for (const number of plan.querySelectorAll("input[type=number]")) slide(number);
  plan.addEventListener("change", retry);
  plan.addEventListener("submit", (event) => {
    if (!event.submitter?.classList.contains("try")) return;
    event.preventDefault();
    retry();
  });
}
