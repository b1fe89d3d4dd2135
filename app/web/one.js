// One avatar: send it, show what came back, or what went wrong.

import { pictureType, Problem, request, sendJson } from "./api.js";
import { announce, el, show } from "./dom.js";
import { bytes } from "./numbers.js";
import { loadLimits } from "./model.js";
import { attempt } from "./problem_view.js";
import { analysisView } from "./analysis/view.js";
import { VERDICT } from "./words.js";

let shown = null;

/** Analyze `source` ({file} or {url}) and show it in `view`. */
export function showOne(view, source, signal) {
  if (shown) URL.revokeObjectURL(shown);
  shown = source.file ? URL.createObjectURL(source.file) : null;
  return attempt(view, signal, async () => {
    show(view, waiting(shown));
    const analysis = source.file ? await analyzeFile(source.file, signal) : await analyzeUrl(source.url, signal);
    const article = await analysisView(analysis, shown ?? analysis.picture, source.file ?? bytesOf(analysis));
    if (signal.aborted) return;
    show(view, article);
    announce(VERDICT[analysis.verdict]);
    article.querySelector(".finding h2").focus({ preventScroll: true });
  });
}

async function analyzeFile(file, signal) {
  const limits = await loadLimits();
  if (limits && file.size > limits.max_bytes) {
    throw new Problem({ code: "too_large", detail: `It has ${bytes(file.size)}; ${bytes(limits.max_bytes)} are read here.` });
  }
  const response = await request("/v1/analyses?depth=full", { method: "POST", headers: { "Content-Type": pictureType(file) }, body: file, signal });
  return response.json();
}

function analyzeUrl(url, signal) {
  return sendJson("POST", "/v1/analyses", { url, include: ["picture"], depth: "full" }, { signal });
}

/** The picture that the service fetched, for the evidence bundle. */
function bytesOf({ picture, image }) {
  const data = Uint8Array.from(atob(picture.split(",")[1]), (letter) => letter.charCodeAt(0));
  return new Blob([data], { type: `image/${image.format.toLowerCase()}` });
}

function waiting(source) {
  const picture = source ? el("img", { src: source, alt: "", class: "avatar" }) : el("div", { class: "avatar empty" });
  return el("article", { class: "analysis waiting", "aria-busy": "true" },
    el("div", { class: "left" }, el("figure", { class: "picture" }, picture, el("i", { class: "sweep" }))),
    el("div", { class: "right" }, el("p", { class: "faint", text: "Looking …" })));
}
