"use strict";
// A click on a column's title sorts by it: numbers by value, text by letters, empty cells last.
const value = (row, column) => row.cells[column].textContent.trim();
const SECONDS = { h: 3600, min: 60, s: 1 };
function number(text) {
  const times = [...text.matchAll(/([\d.,]+) (h|min|s)\b/g)];
  if (times.length) return times.reduce((sum, [, n, unit]) => sum + parseFloat(n) * SECONDS[unit], 0);
  return parseFloat(text.replace(/[, ]/g, "").replace("\u2212", "-").replace(/^[<>≤≥~]+/, ""));
}
function compare(a, b) {
  if (!a || !b) return 0;
  const [x, y] = [number(a), number(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
}
function sort(table, head, column) {
  const down = head.getAttribute("aria-sort") === "ascending";
  table.tHead.querySelectorAll("th").forEach((each) => each.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows];
  rows.sort((one, other) => {
    const [a, b] = [value(one, column), value(other, column)];
    if (!a || !b) return (a ? 0 : 1) - (b ? 0 : 1);
    return down ? compare(b, a) : compare(a, b);
  });
  table.tBodies[0].append(...rows);
}
for (const table of document.querySelectorAll("table")) {
  // A table without a title for its rows is a list of different things.
  if (table.tBodies[0].rows.length < 2 || !table.tHead.rows[0].cells[0].textContent) continue;
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, head, column));
    head.append(button);
  });
}
// A table that is wider than the page gets a shadow at its right edge and a line above it.
for (const scroll of document.querySelectorAll(".scroll")) {
  const hint = document.createElement("p");
  hint.className = "hint";
  hint.textContent = "More columns to the right: scroll the table sideways.";
  scroll.parentNode.before(hint);
  const mark = () => {
    const hidden = scroll.scrollWidth - scroll.clientWidth;
    hint.hidden = hidden < 2;
    scroll.parentNode.classList.toggle("more", hidden - scroll.scrollLeft >= 2);
  };
  scroll.addEventListener("scroll", mark);
  new ResizeObserver(mark).observe(scroll);
  mark();
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
