"use strict";
(() => {
  document.documentElement.classList.replace("plain", "js");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const data = JSON.parse(document.getElementById("data").textContent);

  // One second is shown; the curves show which.
  const choose = (second) => {
    for (const each of all("[data-second]")) each.classList.toggle("on", each.dataset.second === second);
    for (const radio of all("[name=second]")) radio.checked = radio.value === second;
  };
  for (const stage of all(".stage")) slider(stage, [], () => ["reference", "image"]);
  for (const radio of all("[name=second]")) radio.addEventListener("change", () => choose(radio.value));
  for (const rect of all("rect.second")) rect.addEventListener("click", () => choose(rect.dataset.second));
  choose("0");

  // The pointer reads all curves at its time.
  const curves = all(".chart").map((figure, order) => {
    const svg = figure.querySelector("svg");
    const marker = figure.querySelector(".marker");
    const [line, circle] = marker.children;
    const { points, times, texts } = data[order];
    return {
      svg,
      mark(across) {
        let best = 0;
        points.forEach(([x], index) => {
          if (Math.abs(x - across) < Math.abs(points[best][0] - across)) best = index;
        });
        const [x, y] = points[best];
        line.setAttribute("transform", `translate(${x} 0)`);
        circle.setAttribute("cx", x);
        circle.setAttribute("cy", y);
        marker.classList.add("on");
        figure.querySelector("output").textContent = `${texts[best]} at ${times[best]} s`;
      },
    };
  });
  for (const { svg } of curves) {
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const across = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      for (const curve of curves) curve.mark(across);
    });
  }
})();
