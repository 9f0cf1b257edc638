// A photo full screen: nearer by wheel, pinch, double click, + and -, moved by dragging; others by arrows and swipes.
// Without this module the photo stands on its page as it is.

const FULL = "#full"; // the part of an address that opens the viewer, so that it stays open from one photo to the next
const NEAREST = 8;
const SWIPE = 60; // pixels

const viewer = document.querySelector("dialog.viewer");
const opener = document.querySelector("button.fill");

if (viewer && opener) {
  const image = viewer.querySelector("img");
  const fingers = new Map();
  let scale = 1;
  let left = 0;
  let top = 0;
  let began = null; // where a swipe began

  const draw = (eased) => {
    const wide = (viewer.clientWidth * (scale - 1)) / 2;
    const high = (viewer.clientHeight * (scale - 1)) / 2;
    left = Math.min(wide, Math.max(-wide, left));
    top = Math.min(high, Math.max(-high, top));
    viewer.classList.toggle("eased", Boolean(eased));
    viewer.classList.toggle("near", scale > 1);
    image.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
  };

  /** Zoom, so that the point of the screen at x, y stays where it is. */
  const zoom = (to, x = viewer.clientWidth / 2, y = viewer.clientHeight / 2, eased = false) => {
    const next = Math.min(NEAREST, Math.max(1, to));
    const fromMiddle = [x - viewer.clientWidth / 2, y - viewer.clientHeight / 2];
    left = fromMiddle[0] - ((fromMiddle[0] - left) * next) / scale;
    top = fromMiddle[1] - ((fromMiddle[1] - top) * next) / scale;
    scale = next;
    draw(eased);
  };

  const open = () => {
    image.src = image.dataset.src;
    viewer.showModal();
    history.replaceState(history.state, "", FULL);
    zoom(1);
  };

  const step = (relation) => {
    const link = document.querySelector(`a[rel="${relation}"]`);
    if (link) location.assign(link.href + FULL);
  };

  const doings = {
    in: () => zoom(scale * 1.5, undefined, undefined, true),
    out: () => zoom(scale / 1.5, undefined, undefined, true),
    prev: () => step("prev"),
    next: () => step("next"),
    close: () => viewer.close(),
  };
  const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "prev", ArrowRight: "next" };

  opener.hidden = false;
  opener.addEventListener("click", open);
  viewer.addEventListener("close", () => {
    history.replaceState(history.state, "", location.pathname + location.search);
    opener.focus();
  });
  viewer.addEventListener("click", (event) => doings[event.target.closest("[data-do]")?.dataset.do]?.());
  viewer.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the page's own keys are for the page
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "0") zoom(1, undefined, undefined, true);
    doings[keys[event.key]]?.();
  });
  document.addEventListener("keydown", (event) => {
    const elsewhere = event.target.matches("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey;
    if (event.key === "f" && !elsewhere && !viewer.open) open();
  });

  image.addEventListener("dblclick", (event) => zoom(scale > 1 ? 1 : 2.5, event.clientX, event.clientY, true));
  viewer.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(scale * Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
  }, { passive: false });

  const apart = () => {
    const [one, other] = [...fingers.values()];
    return Math.hypot(one.x - other.x, one.y - other.y);
  };
  image.addEventListener("pointerdown", (event) => {
    image.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    began = fingers.size === 1 && scale === 1 ? { x: event.clientX, y: event.clientY } : null;
  });
  image.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const was = fingers.size === 2 ? apart() : 0;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (was) {
      const [one, other] = [...fingers.values()];
      zoom((scale * apart()) / was, (one.x + other.x) / 2, (one.y + other.y) / 2);
    } else if (scale > 1) {
      left += event.clientX - before.x;
      top += event.clientY - before.y;
      draw();
    }
  });
  const lifted = (event) => {
    fingers.delete(event.pointerId);
    if (!began || event.type === "pointercancel") return;
    const [across, down] = [event.clientX - began.x, event.clientY - began.y];
    if (Math.abs(across) > SWIPE && Math.abs(across) > 2 * Math.abs(down)) step(across < 0 ? "next" : "prev");
    began = null;
  };
  image.addEventListener("pointerup", lifted);
  image.addEventListener("pointercancel", lifted);

  if (location.hash === FULL) open();
}
