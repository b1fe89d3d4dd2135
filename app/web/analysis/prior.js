// The posterior while the prior is moved: nothing is sent, it is one multiplication.

import { button, el } from "../dom.js";
import { llr, oneIn, percent, posterior } from "../numbers.js";

const LOGIT_RANGE = [-5, 2];
const GRID = 100;

/** A slider over the prior odds; a hundred dots of which as many are filled as are generated. */
export function priorView(analysis) {
  const dots = el("div", { class: "dots", "aria-hidden": "true" }, Array.from({ length: GRID }, () => el("i")));
  const text = el("p", { class: "posterior", "aria-live": "polite" });
  const range = el("p", { class: "faint" });
  const slider = el("input", {
    type: "range", id: "prior", min: LOGIT_RANGE[0], max: LOGIT_RANGE[1], step: 0.01,
    on: { input: () => update() },
  });
  const update = () => showPosterior(analysis, fromOdds(Number(slider.value)), { dots, text, range, slider });
  const set = (p) => { slider.value = toOdds(p); update(); };
  set(analysis.base_rate);
  return el("section", { class: "prior", "aria-labelledby": "prior-title" },
    el("h3", { id: "prior-title", text: "How common are such pictures there?" }),
    el("div", { class: "prior-body" }, dots, el("div", {}, text, range,
      el("label", { for: "prior", class: "unseen", text: "Share of generated avatars where this one was found" }), slider,
      el("div", { class: "presets" }, preset("large network", analysis.base_rate, set), preset("1 in 100", 0.01, set),
        preset("1 in 10", 0.1, set), preset("even odds", 0.5, set)))));
}

const fromOdds = (log10Odds) => 1 / (1 + 10 ** -log10Odds);
const toOdds = (p) => Math.log10(p / (1 - p));

function preset(name, prior, set) {
  return button(name, () => set(prior), { class: "plain small" });
}

function showPosterior(analysis, prior, { dots, text, range, slider }) {
  const p = posterior(analysis.llr, prior);
  const [low, high] = analysis.llr_interval.map((end) => posterior(end, prior));
  const filled = Math.round(GRID * p);
  [...dots.children].forEach((dot, n) => dot.classList.toggle("on", n < filled));
  const share = oneIn(prior);
  const where = share.endsWith("%") ? `${share} of avatars are` : `${share} avatars is`;
  text.replaceChildren(`Where ${where} generated: `, el("strong", { text: percent(p) }));
  range.textContent = `95 % interval ${percent(low)} to ${percent(high)}`;
  slider.setAttribute("aria-valuetext", `${share}: probability ${percent(p)}, llr ${llr(analysis.llr)}`);
}
