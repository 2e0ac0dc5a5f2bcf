// Filters the page and prints it whole. Everything else works without it.
document.querySelector(".controls").hidden = false;
const search = document.querySelector("#search");
const only = document.querySelector("#only");
const rows = [...document.querySelectorAll("[data-case]")];
const groups = [...document.querySelectorAll("tr.group")];
function filter() {
  const text = search.value.trim().toLowerCase();
  for (const row of rows) {
    const hit = row.dataset.case.includes(text) && (!only.checked || row.dataset.bad === "1");
    row.hidden = !hit;
  }
  for (const group of groups) {
    group.hidden = !rows.some((row) => row.dataset.group === group.dataset.name && !row.hidden);
  }
}
search.addEventListener("input", filter);
only.addEventListener("change", filter);
document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement && event.target.type === "search";
  if (event.key === "/" && !typing) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape" && typing) {
    search.value = "";
    filter();
    search.blur();
  } else if ((event.key === "j" || event.key === "k") && !typing) {
    const list = [...document.querySelectorAll("details.finding:not([hidden]) > summary")];
    const at = list.indexOf(document.activeElement);
    list.at(event.key === "j" ? Math.min(at + 1, list.length - 1) : Math.max(at - 1, 0))?.focus();
  }
});

// A link from the matrix opens its finding; printing opens them all.
const finding = () => document.querySelector(`details${location.hash || "#none"}`);
const reveal = () => finding()?.setAttribute("open", "");
addEventListener("hashchange", reveal);
reveal();
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
