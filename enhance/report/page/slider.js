"use strict";
// A line that moves over two pictures: one left of it, the other right of it. `sides` has both names of a choice.
function slider(stage, radios, sides, otherwise) {
  const slide = stage.querySelector(".slide");
  let names = [];
  const show = (share) => {
    const percent = Math.round(share * 100);
    stage.style.setProperty("--at", `${share * 100}%`);
    slide.value = percent;
    slide.setAttribute("aria-valuetext", `${percent} % ${names[0]}, ${100 - percent} % ${names[1]}`);
  };
  const choose = (choice) => {
    const [left, right] = sides(choice);
    for (const figure of stage.querySelectorAll("figure")) {
      figure.classList.toggle("left", figure.dataset.name === left);
      figure.classList.toggle("right", figure.dataset.name === right);
    }
    names = [left, right].map((side) => stage.querySelector(`[data-name=${side}] figcaption`).textContent);
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
  choose([...radios].find((radio) => radio.checked)?.value ?? otherwise);
}
