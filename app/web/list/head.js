// The top of a list: what it is called, how far it is, what it says as a whole.

import { batchPath, sendJson } from "../api.js";
import { exportMenu } from "../analysis/take_away.js";
import { button, el, link, show } from "../dom.js";
import { count, duration, percent, plural } from "../numbers.js";
import { asProblem, attempt } from "../problem_view.js";
import { sentence } from "../words.js";
import { falseFlagSentence } from "./decisions.js";
import { hasEnded } from "./loader.js";
import { listen } from "./store.js";

const OWN_WAIT_MS = 500;
const STATUS = { validating: "Reading", in_progress: "Looking", finalizing: "Adding up", cancelling: "Stopping", cancelled: "Stopped early", failed: "Failed", completed: "" };
const EXPORTS = [["CSV", "results?format=csv", "results.csv"], ["NDJSON", "results?format=ndjson", "results.ndjson"], ["Report", "report.html", "report.html"],
  ["Montage", "montage.png?per_page=300", "montage.png"], ["Evidence bundle", "evidence.zip", "evidence.zip"]];

export function headView(store, signal) {
  const title = el("h1", { tabindex: -1 });
  const progress = el("div", { class: "progress" });
  const finding = el("div", { class: "finding-of-list" });
  const own = el("p", { class: "own tiny", role: "status" });
  const update = () => {
    title.textContent = store.batch.title || "Untitled list";
    show(progress, ...progressView(store, progress, signal));
    show(finding, ...findingViews(store.batch));
  };
  listen(store, ["batch", "items"], update, signal);
  let timer = 0;
  const updateOwn = () => {
    clearTimeout(timer);
    timer = setTimeout(() => showOwn(store, own, signal), OWN_WAIT_MS);
  };
  listen(store, ["decision", "items"], updateOwn, signal);
  return el("header", { class: "list-head" },
    el("div", { class: "title-row" }, title, exportMenu(store.batchId, EXPORTS), link("Network", `#/lists/${store.batchId}/network`, { class: "button" })), progress, finding, own);
}

function progressView({ batch, tiles, interrupted }, node, signal) {
  const { total, completed, failed } = batch.request_counts;
  const act = (text, verb, after = null) => button(text, () => attempt(node, signal, () => sendJson("POST", batchPath(batch.id, verb), {}).then(after)), { class: "plain small" });
  if (hasEnded(batch)) {
    const again = tiles.some((tile) => tile.error?.retryable) && act("Try those again", "retry", () => window.dispatchEvent(new PopStateEvent("popstate")));
    return [el("p", { class: "faint" }, endText(batch), again)];
  }
  const done = completed + failed;
  const eta = batch.eta_s ? `, ${duration(batch.eta_s)} left` : "";
  const note = interrupted ? "Connection lost; trying again. " : "";
  return [
    el("progress", { max: total || 1, value: done, "aria-label": "Progress" }),
    el("p", { class: "faint" }, `${note}${STATUS[batch.status]} … ${count(done)} of ${count(total)}${eta}`, act("Stop", "cancel"))];
}

function endText({ status, request_counts: counts, expires_at: expires, error }) {
  const failed = counts.failed ? `, ${count(counts.failed)} could not be read` : "";
  const left = expires ? ` · erased in ${duration((new Date(expires) - Date.now()) / 1000)}` : "";
  return [STATUS[status], error, `${plural(counts.completed, "picture")} looked at${failed}${left}`].filter(Boolean).join(". ");
}

function findingViews(batch) {
  if (!batch.cohort) return [];
  const { summary = [], caveats = [] } = batch.cohort;
  return [
    el("p", { class: "headline" }, headline(batch)),
    caveats[0] && el("p", { class: "caveat", text: sentence(caveats.at(-1)) }),
    el("details", {}, el("summary", { text: "What the list says as a whole" }),
      el("ul", {}, summary.map((text) => el("li", { text }))),
      el("h3", { text: "Bear in mind" }), el("ul", {}, caveats.map((text) => el("li", { text })))),
  ];
}

/** The cohort's finding in one sentence; no number that its facts do not have. */
function headline({ cohort, outcomes, verdicts }) {
  const scored = outcomes.scored ?? 0;
  const flagged = verdicts.likely_stylegan ?? 0;
  if (!scored) return "No face could be measured in this list.";
  const share = cohort.prevalence;
  const estimate = share ? `; estimated share in the list ${percent(share.estimate)} (${percent(share.interval[0])} to ${percent(share.interval[1])})` : "";
  const verb = flagged === 1 ? "looks" : "look";
  return `${flagged ? count(flagged) : "None"} of ${plural(scored, "face")} ${verb} made by a StyleGAN-family generator${estimate}.`;
}

async function showOwn(store, own, signal) {
  if (!store.decisions.size && !store.decisionError) return show(own);
  try {
    store.ownRate = await falseFlagSentence(store, signal);
  } catch (error) {
    if (signal.aborted) return own;
    store.decisionError = asProblem(error);
  }
  return show(own, ...ownViews(store));
}

function ownViews(store) {
  const failed = store.decisionError ? `Not kept: ${store.decisionError.message}` : "";
  return [`${plural(store.decisions.size, "decision")}. `, store.ownRate, failed && el("strong", { text: ` ${failed}` })];
}
