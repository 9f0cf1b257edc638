// Keys, for those who use them: / to search, arrows between photos, Escape out of a menu or back to all photos.
// Without this module every page works the same by links and forms.

const typing = (element) => element.matches("input, textarea, select");

const follow = (relation) => document.querySelector(`a[rel="${relation}"]`)?.click();

/** The first link that is not above what is seen. */
function firstSeen(links) {
  const line = document.querySelector(".top").getBoundingClientRect().bottom;
  return links.find((link) => link.getBoundingClientRect().bottom > line);
}

/** The photo link beside, above or below the focused one, by where it stands on the screen. */
function neighbour(key) {
  const links = [...document.querySelectorAll("[data-photo]")];
  const here = links.indexOf(document.activeElement);
  if (here < 0) return key === "ArrowDown" ? firstSeen(links) : undefined;
  if (key === "ArrowRight") return links[here + 1];
  if (key === "ArrowLeft") return links[here - 1];
  const box = links[here].getBoundingClientRect();
  const middle = box.left + box.width / 2;
  const down = key === "ArrowDown";
  const rows = links
    .map((link) => ({ link, box: link.getBoundingClientRect() }))
    .filter(({ box: other }) => (down ? other.top > box.top + 1 : other.top < box.top - 1));
  if (!rows.length) return undefined;
  const tops = rows.map(({ box: other }) => other.top);
  const next = down ? Math.min(...tops) : Math.max(...tops);
  const away = ({ box: other }) => Math.abs(other.left + other.width / 2 - middle);
  return rows.filter(({ box: other }) => Math.abs(other.top - next) < 2).sort((a, b) => away(a) - away(b))[0].link;
}

const menus = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("click", (event) => {
  for (const menu of menus()) menu.open = menu.contains(event.target);
});

/** Close the open menu, if there is one, and go back to where it was opened. */
function closeMenu() {
  const [menu] = menus();
  if (!menu) return false;
  menu.open = false;
  menu.querySelector("summary").focus();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && closeMenu()) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "/") {
    event.preventDefault();
    const box = document.querySelector("#q");
    box.focus();
    box.select();
  } else if (event.key === "Escape") {
    follow("up");
  } else if (event.key.startsWith("Arrow")) {
    const target = neighbour(event.key);
    if (target) {
      event.preventDefault();
      target.focus();
    } else if (!document.activeElement.matches("[data-photo]")) {
      if (event.key === "ArrowLeft") follow("prev");
      if (event.key === "ArrowRight") follow("next");
    }
  }
});
