// One avatar: send it, show what came back, or what went wrong.

import { Problem, request, sendJson } from "./api.js";
import { announce, el, show } from "./dom.js";
import { bytes } from "./numbers.js";
import { loadLimits } from "./model.js";
import { problemCard } from "./problem_view.js";
import { analysisView } from "./analysis/view.js";
import { VERDICT } from "./words.js";

let shown = null;

/** Analyze `source` ({file} or {url}) and show it in `view`. */
export async function showOne(view, source) {
  if (shown) URL.revokeObjectURL(shown);
  shown = source.file ? URL.createObjectURL(source.file) : null;
  show(view, waiting(shown));
  try {
    const analysis = source.file ? await analyzeFile(source.file) : await analyzeUrl(source.url);
    const file = source.file ?? (await bytesOf(analysis));
    show(view, await analysisView(analysis, shown ?? analysis.picture, file));
    announce(VERDICT[analysis.verdict]);
    view.querySelector(".finding h2")?.focus({ preventScroll: true });
  } catch (error) {
    show(view, problemCard(asProblem(error), () => showOne(view, source)));
  }
}

/** `error` if it is a problem of the service's; anything else is the page's own fault and is thrown on. */
export function asProblem(error) {
  if (error instanceof Problem) return error;
  throw error;
}

async function analyzeFile(file) {
  const limits = await loadLimits();
  if (limits && file.size > limits.max_bytes) {
    throw new Problem({ code: "too_large", detail: `It has ${bytes(file.size)}; ${bytes(limits.max_bytes)} are read here.` });
  }
  const type = file.type.startsWith("image/") ? file.type : "application/octet-stream";
  const response = await request("/v1/analyses", { method: "POST", headers: { "Content-Type": type }, body: file });
  return response.json();
}

function analyzeUrl(url) {
  return sendJson("POST", "/v1/analyses", { url, include: ["picture"] });
}

/** The picture that the service fetched, for the evidence bundle. */
async function bytesOf({ picture, image }) {
  if (!picture) return null;
  const data = Uint8Array.from(atob(picture.split(",")[1]), (letter) => letter.charCodeAt(0));
  return new Blob([data], { type: `image/${image.format.toLowerCase()}` });
}

function waiting(source) {
  const picture = source ? el("img", { src: source, alt: "", class: "avatar" }) : el("div", { class: "avatar empty" });
  return el("article", { class: "analysis waiting", "aria-busy": "true" },
    el("div", { class: "left" }, el("figure", { class: "picture" }, picture, el("i", { class: "sweep" }))),
    el("div", { class: "right" }, el("p", { class: "faint", text: "Looking …" })));
}
