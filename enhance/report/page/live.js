"use strict";
// The page of a run at work: loaded anew when there is more to show, and left where the reader was.
(() => {
  const { version } = JSON.parse(document.getElementById("data").textContent);
  const radios = () => [...document.querySelectorAll("[type=radio]:checked")];
  const slide = () => document.getElementById("slide");
  let busy = false;
  const keep = () => {
    const chosen = radios().map((radio) => [radio.name, radio.value]);
    sessionStorage.setItem("live", JSON.stringify({ top: scrollY, at: slide()?.value, chosen }));
  };
  const restore = () => {
    const kept = JSON.parse(sessionStorage.getItem("live"));
    if (!kept) return;
    for (const [name, value] of kept.chosen) document.querySelector(`[name="${name}"][value="${value}"]`)?.click();
    if (slide() && kept.at !== undefined) {
      slide().value = kept.at;
      slide().dispatchEvent(new Event("input"));
    }
    scrollTo(0, kept.top);
  };
  const ask = async () => {
    try {
      const state = await (await fetch("state")).json();
      const playing = document.querySelector(".playing");
      if (state.ended || (state.version !== version && !busy && !playing && !document.hidden)) {
        keep();
        location.reload();
        return;
      }
    } catch {
      const said = Object.assign(document.createElement("p"), { className: "alarm" });
      said.textContent = "The run's process has ended; its folder has the report.";
      document.querySelector("header").append(said);
      return;
    }
    setTimeout(ask, 1000);
  };
  addEventListener("pointerdown", () => (busy = true));
  addEventListener("pointerup", () => (busy = false));
  addEventListener("pointercancel", () => (busy = false));
  addEventListener("DOMContentLoaded", () => {
    restore();
    setTimeout(ask, 1000);
  });
})();
