// How far the run at work is, as the server tells it; without this module the page reloads itself.

const live = document.querySelector("[data-events]");
const events = new EventSource(live.dataset.events);

events.addEventListener("message", (event) => {
  live.innerHTML = JSON.parse(event.data).html;
});

events.addEventListener("end", () => {
  events.close();
  location.replace(location.pathname);
});
