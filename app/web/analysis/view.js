// One analysis as a person reads it: the finding, the picture, the scale, the prior, the checks.

import { button, el } from "../dom.js";
import { count, llr, percent } from "../numbers.js";
import { loadModel, templateEyes, thresholdOf } from "../model.js";
import { LIMITS, OUTCOME_SENTENCE, sentence, VERDICT, VERDICT_SENTENCE, WARNING, words } from "../words.js";
import { checksView } from "./checks.js";
import { pictureView, toggleMarks } from "./picture.js";
import { priorView } from "./prior.js";
import { scaleView } from "./scale.js";
import { copyButton, evidenceButton } from "./take_away.js";

/** `source`: the picture's URL for an image. `file`: its bytes, for the evidence bundle; may be missing. */
export async function analysisView(analysis, source, file = null) {
  const card = await loadModel();
  const eyes = templateEyes(card, analysis.alignment);
  const root = el("article", { class: "analysis", data: { outcome: analysis.outcome } });
  root.append(
    el("div", { class: "left" }, pictureView(analysis, source, eyes), pictureFacts(analysis), eyes && templateSwitch(root), takeAway(analysis, file)),
    el("div", { class: "right" }, findingView(analysis), scoredViews(analysis, source, root), scopeView(analysis, card)));
  return root;
}

/** The verdict in a sentence, with its shape and its strength; or why there is none. */
function findingView({ outcome, verdict, warnings, ...analysis }) {
  const [title, text] = OUTCOME_SENTENCE[outcome] ?? [VERDICT_SENTENCE[verdict], strength(analysis)];
  return el("header", { class: "finding", data: { verdict } },
    el("p", { class: "verdict" }, el("i", { class: "shape", "aria-hidden": "true" }), VERDICT[verdict]),
    el("h2", { tabindex: -1, text: title }), el("p", { text }), warningsView(warnings));
}

function strength({ llr: value, support }) {
  const band = support === "none" ? "no support either way" : `${support} support ${value < 0 ? "against" : "for"} a generator`;
  return sentence(`${band} (llr ${llr(value)})`);
}

function warningsView(warnings) {
  if (!warnings.length) return null;
  return el("ul", { class: "warnings" }, warnings.map((code) => el("li", { text: WARNING[code] ?? sentence(words(code)) })));
}

function scoredViews(analysis, source, root) {
  if (analysis.outcome !== "scored") return null;
  return [scaleView(analysis), priorView(analysis), checksView(analysis, source, root)];
}

function scopeView(analysis, card) {
  const flagged = thresholdOf(card, "likely_stylegan");
  const rate = flagged && `Flagged from llr ${llr(flagged.llr)} up: ${count(flagged.false_positives)} of ${count(flagged.negatives)} ordinary avatars were, at most ${percent(flagged.upper_95)}.`;
  return el("section", { class: "scope" },
    el("h3", { text: "What this does not say" }),
    el("ul", {}, [...LIMITS, rate].filter(Boolean).map((text) => el("li", { text }))),
    el("p", { class: "tiny faint", text: `${analysis.scope} Model ${analysis.model.version}, calibration ${analysis.model.calibration}.` }));
}

function pictureFacts({ image, alignment }) {
  const frame = alignment?.template ? ` · closest frame ${alignment.template}, ${alignment.transform}` : "";
  return el("p", { class: "tiny faint facts", text: `${count(image.width)} × ${count(image.height)} ${image.format}${frame} · sha256 ${image.sha256.slice(0, 12)}` });
}

function templateSwitch(root) {
  const show = el("input", { type: "checkbox", checked: true, on: { change: () => toggleMarks(root, "template", show.checked) } });
  const all = button("All marks off", () => {
    const off = root.classList.toggle("bare");
    all.textContent = off ? "All marks on" : "All marks off";
  }, { class: "plain small" });
  return el("div", { class: "switches" }, el("label", {}, show, " the generator’s eye points"), all);
}

function takeAway(analysis, file) {
  return el("footer", { class: "take-away" }, copyButton(analysis), evidenceButton(file));
}
