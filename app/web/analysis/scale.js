// Likelihood ratios on one scale of powers of ten, with the verbal bands beneath.

import { el } from "../dom.js";
import { llr } from "../numbers.js";
import { BANDS, support } from "../words.js";

const EDGE = 6;

/** The ratio against an ordinary avatar, the one against a framed photograph, and their mixture. */
export function scaleView(analysis) {
  const { ordinary, framed } = analysis.against;
  const total = { llr: analysis.llr, interval: analysis.llr_interval, measured: true };
  return el("section", { class: "scale", "aria-labelledby": "scale-title" },
    el("h3", { id: "scale-title", text: "Powers of ten for or against a generator" }),
    el("div", { class: "rows" },
      row("against an ordinary avatar", ordinary),
      row("against a real photo in a generator’s frame", framed),
      row("together", total, "total"),
      axis()),
    el("p", { class: "tiny faint", text: "Not a probability: that also depends on how common such pictures are where this one was found." }));
}

function row(name, ratio, kind = "") {
  const label = el("span", { class: "name", text: name });
  if (!ratio.measured) {
    return el("div", { class: `row ${kind}` }, label, el("span", { class: "value faint", text: "not measured" }), el("span", { class: "track" }));
  }
  const [low, high] = ratio.interval;
  const text = `${llr(ratio.llr)}`;
  const band = support(ratio.llr) === "none" ? "no support" : `${support(ratio.llr)} ${ratio.llr < 0 ? "against" : "for"}`;
  const spoken = `llr ${text}, 95 % interval ${llr(low)} to ${llr(high)}`;
  return el("div", { class: `row ${kind}` }, label,
    el("span", { class: "value", title: spoken }, el("span", { "aria-hidden": "true", text }), el("span", { class: "unseen", text: spoken }), el("small", { text: band })),
    el("span", { class: "track", "aria-hidden": "true" }, el("i", { class: "zero" }), bar(low, high), dot(ratio.llr)));
}

const place = (value) => (50 * (Math.max(-EDGE, Math.min(EDGE, value)) + EDGE)) / EDGE;

function bar(low, high) {
  return el("i", { class: "bar", css: { left: `${place(low)}%`, width: `${Math.max(0.4, place(high) - place(low))}%` } });
}

function dot(value) {
  return el("i", { class: "dot", css: { left: `${place(value)}%` }, data: { side: value < 0 ? "against" : "for" } });
}

function axis() {
  const named = BANDS.slice(1);
  const sides = [...named.toReversed().map((band) => [...band, -1]), ["none"], ...named.map((band) => [...band, 1])];
  return el("div", { class: "axis", "aria-hidden": "true" }, sides.map(bandView),
    [-6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6].map((tick) => el("b", { class: "tick", text: tick > 0 ? `+${tick}` : `${tick}`.replace("-", "−"), css: { left: `${place(tick)}%` } })));
}

function bandView([bound, name, side]) {
  if (bound === "none" || bound >= EDGE) return null;
  const next = BANDS[BANDS.findIndex(([lower]) => lower === bound) + 1][0];
  const [from, to] = side > 0 ? [bound, next] : [-next, -bound];
  const css = { left: `${place(from)}%`, width: `${place(to) - place(from)}%` };
  return el("span", { class: "band", css, data: { strength: Math.ceil(bound), side: side > 0 ? "for" : "against" } }, el("small", { text: name }));
}
