// What the photos have in common comes when there is time, or when it is wanted. Without this module a link shows it.

const box = document.querySelector("details.facets[data-from]");

async function fill() {
  const answer = await fetch(box.dataset.from);
  if (answer.ok) box.insertAdjacentHTML("beforeend", await answer.text());
}

if (box) {
  box.hidden = false;
  box.nextElementSibling.remove();
  const filled = new Promise((resolve) => {
    box.addEventListener("toggle", resolve, { once: true });
    // Beside the photos it is open whatever its state; see the style sheet.
    if (matchMedia("(min-width: 64rem)").matches) addEventListener("load", () => setTimeout(resolve, 100));
  });
  filled.then(fill);
}
