// A question to the photo is answered in its place; without this module the page comes anew.

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const asked = form.closest("#asked");
  if (!asked) return;
  event.preventDefault();
  const url = new URL(form.action);
  url.search = new URLSearchParams(new FormData(form));
  url.hash = "";
  asked.setAttribute("aria-busy", "true");
  form.querySelector("button").disabled = true;
  try {
    const answer = await fetch(url);
    const page = document.createElement("template"); // in which the page's style blocks are not applied
    page.innerHTML = await answer.text();
    const sent = page.content.querySelector("#asked");
    if (!sent) throw new Error("not a photo's page");
    asked.replaceWith(sent);
    history.replaceState(history.state, "", url);
    const field = sent.querySelector("#question");
    field.focus({ preventScroll: true });
    field.scrollIntoView({ block: "nearest" });
  } catch {
    location.assign(url);
  }
});
