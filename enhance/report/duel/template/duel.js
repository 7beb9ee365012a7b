"use strict";
document.documentElement.classList.replace("plain", "js");
const stage = document.getElementById("stage");
const slide = document.getElementById("slide");
const radios = [...document.querySelectorAll("[name=pair]")];
const show = (share) => {
  const percent = Math.round(share * 100);
  stage.style.setProperty("--at", `${share * 100}%`);
  slide.value = percent;
  const [left, right] = ["left", "right"].map((side) => stage.querySelector(`.${side} figcaption`).textContent);
  slide.setAttribute("aria-valuetext", `${percent} % ${left}, ${100 - percent} % ${right}`);
};
const choose = (pair) => {
  const [left, right] = pair.split(" ");
  for (const figure of stage.querySelectorAll("figure")) {
    figure.classList.toggle("left", figure.dataset.name === left);
    figure.classList.toggle("right", figure.dataset.name === right);
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
for (const radio of radios) radio.addEventListener("change", () => choose(radio.value));
choose(radios.find((radio) => radio.checked).value);
