"use strict";
document.documentElement.classList.replace("plain", "js");
// Each picture has a line that moves: the original left of it, the chosen file right of it.
for (const stage of document.querySelectorAll(".stage")) {
  const slide = stage.querySelector(".slide");
  const right = () => stage.querySelector(".right figcaption").textContent;
  const show = (share) => {
    const percent = Math.round(share * 100);
    stage.style.setProperty("--at", `${share * 100}%`);
    slide.value = percent;
    slide.setAttribute("aria-valuetext", `${percent} % original, ${100 - percent} % ${right()}`);
  };
  const choose = (name) => {
    for (const figure of stage.querySelectorAll("figure")) {
      figure.classList.toggle("left", figure.dataset.name === "original");
      figure.classList.toggle("right", figure.dataset.name === name);
    }
    show(slide.value / 100);
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
  const radios = stage.parentElement.querySelectorAll("[type=radio]");
  for (const radio of radios) radio.addEventListener("change", () => choose(radio.value));
  choose([...radios].find((radio) => radio.checked)?.value ?? "choice1");
}
