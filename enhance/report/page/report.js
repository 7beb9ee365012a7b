"use strict";
(() => {
  const root = document.documentElement;
  root.classList.replace("plain", "js");
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Small pictures that are enlarged by a whole number of device pixels show their pixels; others are smooth.
  const sharpen = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const picture = target.querySelector("img, canvas");
      const own = picture.naturalWidth || picture.width;
      const scale = (target.clientWidth * devicePixelRatio) / own;
      target.classList.toggle("crisp", scale >= 2 && Math.abs(scale - Math.round(scale)) < 0.01);
    }
  });

  function detail(stage) {
    for (const radio of all("[name=view]")) {
      const close = () => radio.checked && stage.classList.toggle("close", radio.value === "detail");
      radio.addEventListener("change", close);
      close();
    }
  }

  // The curves show where a step lies; the animation and the pointer say which.
  const curves = all(".chart").map((figure) => {
    const { steps, x, y, texts } = data.charts[figure.dataset.chart];
    const svg = figure.querySelector("svg");
    const marker = figure.querySelector(".marker");
    const [line, circle] = marker.children;
    const nearest = (values, wanted) => {
      let best = 0;
      values.forEach((value, index) => {
        if (Math.abs(value - wanted) < Math.abs(values[best] - wanted)) best = index;
      });
      return best;
    };
    return {
      svg,
      stepAt(event) {
        const box = svg.getBoundingClientRect();
        return steps[nearest(x, ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width)];
      },
      mark(step) {
        const index = nearest(steps, step);
        line.setAttribute("transform", `translate(${x[index]} 0)`);
        circle.setAttribute("cx", x[index]);
        circle.setAttribute("cy", y[index]);
        marker.classList.add("on");
        figure.querySelector("output").textContent = `${texts[index]} at step ${steps[index]}`;
      },
    };
  });
  const mark = (step) => curves.forEach((curve) => curve.mark(step));

  function player(animation) {
    const { frames } = data;
    const canvas = animation.querySelector("canvas");
    const context = canvas.getContext("2d");
    const scrub = byId("scrub");
    const play = byId("play");
    const thumbs = all(".strip button");
    const images = frames.map(({ uri }) => Object.assign(new Image(), { src: uri }));
    let place = frames.length - 1;
    let timer = 0;
    const draw = (image) => {
      canvas.width = image.naturalWidth;
      canvas.height = image.naturalHeight;
      context.drawImage(image, 0, 0);
    };
    const show = (index) => {
      place = index;
      const { step, text } = frames[index];
      const image = images[index];
      image.decode().then(() => place === index && draw(image));
      const moment = text ? `step ${step}, ${text}` : `step ${step}`;
      scrub.value = index;
      scrub.setAttribute("aria-valuetext", moment);
      canvas.setAttribute("aria-label", `the image at ${moment}`);
      byId("moment").textContent = moment;
      let current = 0;
      thumbs.forEach((thumb, order) => {
        if (thumb.dataset.place <= index) current = order;
      });
      thumbs.forEach((thumb, order) => thumb.setAttribute("aria-current", order === current));
      mark(step);
    };
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      play.classList.remove("playing");
      play.setAttribute("aria-label", "Play");
    };
    const start = () => {
      show(place === frames.length - 1 ? 0 : place);
      play.classList.add("playing");
      play.setAttribute("aria-label", "Pause");
      const each = Math.min(250, Math.max(60, 4500 / frames.length));
      timer = setInterval(() => (place < frames.length - 1 ? show(place + 1) : stop()), each);
    };
    const seek = (index) => {
      stop();
      show(index);
    };
    play.addEventListener("click", () => (timer ? stop() : start()));
    scrub.addEventListener("input", () => seek(Number(scrub.value)));
    thumbs.forEach((thumb) => thumb.addEventListener("click", () => seek(Number(thumb.dataset.place))));
    show(place);
    return {
      rest: () => mark(frames[place].step),
      seekStep(step) {
        let best = 0;
        frames.forEach((frame, index) => {
          if (Math.abs(frame.step - step) < Math.abs(frames[best].step - step)) best = index;
        });
        seek(best);
      },
    };
  }

  const stage = byId("stage");
  const animation = byId("animation");
  if (byId("slide")) {
    slider(stage, all("[name=pair]"), (pair) => pair.split(" "), stage.dataset.pair);
    detail(stage);
  }
  for (const target of [stage, animation]) if (target) sharpen.observe(target);
  const playing = animation && player(animation);
  for (const { svg, stepAt } of curves) {
    svg.addEventListener("pointermove", (event) => mark(stepAt(event)));
    if (!playing) continue;
    svg.addEventListener("pointerleave", playing.rest);
    svg.addEventListener("click", (event) => playing.seekStep(stepAt(event)));
  }

  const copy = byId("copy");
  copy?.addEventListener("click", async () => {
    const command = byId("command");
    try {
      await navigator.clipboard.writeText(command.textContent);
      copy.textContent = "Copied";
      setTimeout(() => (copy.textContent = "Copy"), 1500);
    } catch {
      getSelection().selectAllChildren(command); // where a page may not write to the clipboard: ready to be copied by hand
    }
  });

  // Paper shows what is folded away.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    folded.forEach((details) => (details.open = true));
  });
  addEventListener("afterprint", () => folded.forEach((details) => (details.open = false)));
})();
