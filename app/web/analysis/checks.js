// What each check found, with its cut-out and a switch for its marks; and what could not be measured.

import { el } from "../dom.js";
import { llr } from "../numbers.js";
import { sentence, words } from "../words.js";
import { cutOut } from "./cut_outs.js";
import { markColour } from "./marks.js";
import { drawingSize, emphasize, measured, toggleMarks } from "./picture.js";

/** `root`: what holds the picture and the cut-outs whose marks the switches show and hide. */
export function checksView(analysis, source, root) {
  const size = drawingSize(analysis);
  const found = measured(analysis);
  return el("section", { class: "checks", "aria-labelledby": "checks-title" },
    el("h3", { id: "checks-title", text: "What was measured" }),
    el("ul", {}, found.map((check) => checkItem(check, source, size, root))),
    unmeasuredView(analysis.checks.filter((check) => check.status !== "measured")),
    el("p", { class: "tiny faint", text: "The total is not their sum: the pixel checks look at one face and overlap." }));
}

function checkItem(check, source, size, root) {
  const show = el("input", { type: "checkbox", checked: true, on: { change: () => toggleMarks(root, check.name, show.checked) } });
  return el("li", {
    class: "check", css: { "--mark": markColour(check.name) }, data: { side: check.llr < 0 ? "against" : "for" },
    on: { pointerenter: () => emphasize(root, check.name), pointerleave: () => emphasize(root, null) },
  },
  cutOut(check, source, size),
  el("div", { class: "said" },
    el("h4", {}, el("label", { title: "Show its marks" }, show, el("i", { class: "swatch" }), sentence(words(check.name)).slice(0, -1)), el("span", { class: "value", text: llr(check.llr) })),
    el("p", { text: sentence(check.summary) })));
}

function unmeasuredView(checks) {
  if (!checks.length) return null;
  return el("div", { class: "unmeasured" }, el("h4", { text: "Not measured" }),
    el("ul", {}, checks.map((check) => el("li", { text: `${sentence(words(check.name)).slice(0, -1)}: ${words(check.reason)}` }))));
}
