// Where somebody was in a list of photos, so that they are there again when they come back from one of them.

const LIST = ["q", "picture", "off", "w", "by", "all"]; // the arguments that make a list what it is
const key = `place ${location.pathname}${location.search}`;

/** Keep what `here` gives, the photo that is seen first and how far it is from the top, when the page is left. */
export function keepPlace(here) {
  history.scrollRestoration = "manual"; // the browser would look for a height that is not there yet
  addEventListener("pagehide", () => sessionStorage.setItem(key, JSON.stringify(here())));
}

/** What was kept, if somebody comes back; with `looked`, the photo that they come from. */
export function placeToReturnTo() {
  const kept = JSON.parse(sessionStorage.getItem(key) ?? "null");
  const [{ type }] = performance.getEntriesByType("navigation");
  if (type !== "navigate") return kept;
  const looked = photoOfThisList();
  return looked && { id: null, ...kept, looked };
}

/** The id of the photo whose page led here, if it is one of this list. */
function photoOfThisList() {
  if (!document.referrer) return null;
  const from = new URL(document.referrer);
  const here = new URLSearchParams(location.search);
  const same = LIST.every((name) => from.searchParams.get(name) === here.get(name));
  const [, looked] = /^\/image\/(\d+)/.exec(from.pathname) ?? [];
  return same && looked ? Number(looked) : null;
}
