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

// The form above a table offers the conditions that the chosen field has, and values where the site knows them.
const form = document.querySelector("[data-conditions]");
if (form) {
  const field = form.querySelector("select[name=field]");
  const condition = form.querySelector("select[name=is]");
  const value = form.querySelector("input[name=value]");
  const dates = { greater_than: "after", less_than: "before", is_not: "not in" };
  const labels = new Map([...condition.options].map((option) => [option, option.textContent]));
  const options = [...condition.options];
  const hints = { date: "2026, 2026-12 or 2026-12-01", date_time: "2026, 2026-12 or 2026-12-01", checkbox: "yes or no" };
  const adapt = () => {
    const { type, operators } = field.selectedOptions[0].dataset;
    const names = operators.split(" ");
    const fitting = options.filter((option) => names.includes(option.value));
    fitting.sort((one, other) => names.indexOf(one.value) - names.indexOf(other.value));
    const chosen = condition.value;
    for (const option of fitting) {
      option.textContent = (type.startsWith("date") && dates[option.value]) || labels.get(option);
    }
    condition.replaceChildren(...fitting);
    condition.value = fitting.some((option) => option.value === chosen) ? chosen : fitting[0].value;
    const values = document.getElementById(type === "checkbox" ? "values-checkbox" : `values-${field.value}`);
    if (values) value.setAttribute("list", values.id);
    else value.removeAttribute("list");
    value.placeholder = hints[type] || "";
    allow();
  };
  const allow = () => {
    // A disabled value would be left out of the address, and the conditions there are counted.
    const isNeedless = condition.value === "empty" || condition.value === "filled";
    value.readOnly = isNeedless;
    if (isNeedless) value.value = "";
  };
  field.addEventListener("change", adapt);
  condition.addEventListener("change", allow);
  adapt();
}

const rows = document.querySelector("[data-calls]");
if (rows) {
  const pause = document.querySelector("[data-pause]");
  const live = document.querySelector("[data-live]");
  const sums = document.querySelector("[data-sums]");
  const browser = rows.dataset.browser;
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
      const answer = paused || document.hidden ? null : await fetch(`/calls/after/${newest}?browser=${browser}`);
      if (answer && answer.ok) {
        const made = document.createElement("template");
        made.innerHTML = await answer.text();
        const fresh = [...made.content.querySelectorAll("tbody tr")];
        const newSums = made.content.querySelector("[data-sums]");
        const before = newest;
        newest = Number(made.content.querySelector("[data-newest]").dataset.newest);
        for (const row of fresh) row.classList.add("new");
        if (newest < before) rows.replaceChildren(); // the calls were cleared
        rows.prepend(...fresh);
        while (rows.children.length > most) rows.lastElementChild.remove();
        if (newSums) sums.replaceChildren(...newSums.childNodes);
      }
    } catch {
      live.textContent = "The site does not respond.";
    }
    setTimeout(ask, 1000);
  };
  setTimeout(ask, 1000);
}
