"use strict";
document.documentElement.classList.replace("plain", "js");
// A line that moves: before is left of it, after is right of it.
for (const stage of document.querySelectorAll(".stage")) {
  const slide = stage.querySelector(".slide");
  const show = (share) => {
    const percent = Math.round(share * 100);
    stage.style.setProperty("--at", `${share * 100}%`);
    slide.value = percent;
    slide.setAttribute("aria-valuetext", `${percent} % before, ${100 - percent} % after`);
  };
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    show(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    stage.setPointerCapture(event.pointerId);
    slide.focus({ preventScroll: true, focusVisible: false });
    follow(event);
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) follow(event);
  });
  slide.addEventListener("input", () => show(slide.value / 100));
  show(0.5);
}
