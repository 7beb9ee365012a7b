"use strict";
document.documentElement.classList.replace("plain", "js");
for (const stage of document.querySelectorAll(".stage")) slider(stage, [], () => ["before", "after"]);
