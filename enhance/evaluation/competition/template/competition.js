"use strict";
// A click shows a row of pictures enlarged, for the eye to compare.
for (const trio of document.querySelectorAll(".trio")) {
  trio.addEventListener("click", (event) => {
    if (event.target.tagName === "IMG") trio.classList.toggle("large");
  });
}
