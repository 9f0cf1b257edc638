// A picture that is dropped or pasted anywhere, or chosen, is searched by at once.
// Without this module the form does the same with its button.

const form = document.querySelector(".bring form");
const field = form.elements.picture;

/** Search by the first picture among what was brought, if there is one. */
function bring(data) {
  const picture = [...(data?.files ?? [])].find((file) => file.type.startsWith("image/"));
  if (!picture) return false;
  const files = new DataTransfer();
  files.items.add(picture);
  field.files = files.files;
  form.requestSubmit();
  return true;
}

const holdsFile = (event) => event.dataTransfer?.types.includes("Files");
const mark = (on) => document.documentElement.classList.toggle("dropping", on);

field.addEventListener("change", () => field.files.length && form.requestSubmit());

document.addEventListener("dragover", (event) => {
  if (!holdsFile(event) || event.target === field) return;
  event.preventDefault();
  mark(true);
});

document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) mark(false);
});

document.addEventListener("drop", (event) => {
  mark(false);
  if (!holdsFile(event) || event.target === field) return;
  event.preventDefault();
  bring(event.dataTransfer);
});

document.addEventListener("paste", (event) => {
  if (bring(event.clipboardData)) event.preventDefault();
});
