// Filters the page, moves through its cases, and prints it whole. Everything else works without it.
document.querySelector(".controls").hidden = false;
const search = document.querySelector("#search");
const only = document.querySelector("#only");
const rows = [...document.querySelectorAll("[data-case]")];
const groups = [...document.querySelectorAll("[data-group]")];
function filter() {
  const text = search.value.trim().toLowerCase();
  for (const row of rows) {
    row.hidden = !row.dataset.case.includes(text) || (only.checked && row.dataset.bad !== "1");
  }
  for (const group of groups) {
    group.hidden = group.querySelector("[data-case]:not([hidden])") === null;
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
    const list = [...document.querySelectorAll("details.case:not([hidden]) > summary")];
    const at = list.indexOf(document.activeElement);
    list.at(event.key === "j" ? Math.min(at + 1, list.length - 1) : Math.max(at - 1, 0))?.focus();
  }
});

// A link opens the case that it leads to; printing opens them all.
function reveal() {
  const one = document.getElementById(location.hash.slice(1));
  if (one instanceof HTMLDetailsElement) {
    one.open = true;
    one.scrollIntoView();
  }
}
addEventListener("hashchange", reveal);
reveal();
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
