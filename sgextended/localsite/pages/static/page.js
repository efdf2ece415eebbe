// Optional parts of the pages: keyboard shortcuts, and new calls that appear without a reload.
"use strict";

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const find = document.querySelector("[data-find]");
  if (event.key === "/" && !typing && find) {
    event.preventDefault();
    find.focus();
    find.select();
  }
  if ((event.key === "j" || event.key === "k") && !typing) {
    const links = [...document.querySelectorAll("[data-rows] .id")];
    const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
    const next = links[at + (event.key === "j" ? 1 : -1)];
    if (next) next.focus();
  }
});

const rows = document.querySelector("[data-calls]");
if (rows) {
  const pause = document.querySelector("[data-pause]");
  const live = document.querySelector("[data-live]");
  const total = document.querySelector("[data-total]");
  const most = 200;
  let paused = false;
  let newest = Number(rows.dataset.calls);
  pause.hidden = false;
  live.textContent = "Live: new calls appear automatically.";
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Resume" : "Pause";
    live.textContent = paused ? "Paused." : "Live: new calls appear automatically.";
  });
  const ask = async () => {
    try {
      const answer = paused || document.hidden ? null : await fetch(`/calls/after/${newest}`);
      if (answer && answer.ok) {
        const made = document.createElement("template");
        made.innerHTML = await answer.text();
        const fresh = [...made.content.querySelectorAll("tr")];
        for (const row of fresh) row.classList.add("new");
        if (fresh.length) {
          newest = Number(fresh[0].dataset.number);
          total.textContent = newest.toLocaleString("en");
          rows.prepend(...fresh);
          while (rows.children.length > most) rows.lastElementChild.remove();
        }
      }
    } catch {
      live.textContent = "The site does not respond.";
    }
    setTimeout(ask, 1000);
  };
  setTimeout(ask, 1000);
}
