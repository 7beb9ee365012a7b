"use strict";
document.documentElement.classList.replace("plain", "js");
// The original is left of the line, the chosen file right of it.
for (const stage of document.querySelectorAll(".stage")) {
  const radios = stage.parentElement.querySelectorAll("[type=radio]");
  slider(stage, radios, (name) => ["original", name], "choice1");
}
