"use strict";
document.documentElement.classList.replace("plain", "js");
const pairs = document.querySelectorAll("[name=pair]");
slider(document.querySelector(".stage"), pairs, (pair) => pair.split(" "));
