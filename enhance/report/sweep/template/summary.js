"use strict";
document.documentElement.classList.replace("plain", "js");
const heads = [...document.querySelectorAll("#ranking th")];
const body = document.querySelector("#ranking tbody");
for (const [place, head] of heads.entries()) {
  head.querySelector("button")?.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => row.cells[place]?.dataset.value ?? row.cells[place]?.textContent ?? "";
    const rows = [...body.rows].sort((one, other) => {
      const [left, right] = [value(one), value(other)];
      const numbers = left !== "" && right !== "" && !isNaN(left) && !isNaN(right);
      return numbers ? left - right : left.localeCompare(right);
    });
    if (down) rows.reverse();
    const failed = (row) => row.classList.contains("failed");
    body.append(...rows.filter((row) => !failed(row)), ...rows.filter(failed));
  });
}
// What goes on beyond the edge fades there.
for (const box of document.querySelectorAll(".scroll")) {
  const fade = () => box.classList.toggle("more", box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
  box.addEventListener("scroll", fade);
  new ResizeObserver(fade).observe(box);
}
// All pictures are enlarged together, at the place that the pointer is at in one of them.
const results = document.getElementById("results");
for (const button of results.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => {
    document.body.style.setProperty("--zoom", button.dataset.zoom);
    document.body.classList.toggle("zoomed", button.dataset.zoom !== "1");
    for (const other of results.querySelectorAll("[data-zoom]")) other.setAttribute("aria-pressed", other === button);
  });
}
document.addEventListener("pointermove", (event) => {
  const lens = event.target.closest?.(".lens");
  if (!lens) return;
  const box = lens.getBoundingClientRect();
  document.body.style.setProperty("--x", `${(100 * (event.clientX - box.left)) / box.width}%`);
  document.body.style.setProperty("--y", `${(100 * (event.clientY - box.top)) / box.height}%`);
});
