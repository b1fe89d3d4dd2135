// What the service says of its model and its limits, asked for once.

import { getJson } from "./api.js";

let model = null;
let limits = null;

/** `GET /v1/model`, or nothing where it cannot be had: the page does without. */
export function loadModel() {
  model ??= getJson("/v1/model").catch((error) => { model = null; return onMissing(error); });
  return model;
}

export function loadLimits() {
  limits ??= getJson("/v1/limits").catch((error) => { limits = null; return onMissing(error); });
  return limits;
}

/** The template's eyes in a picture that fits it untouched; nothing for any other. */
export function templateEyes(card, alignment) {
  if (!alignment || alignment.transform !== "untouched") return null;
  return card?.template_eyes?.[alignment.template] ?? null;
}

/** The rate at which ordinary avatars get `verdict`, with its upper bound. */
export function thresholdOf(card, verdict) {
  return card?.calibration?.thresholds?.find((each) => each.verdict === verdict) ?? null;
}

function onMissing(error) {
  console.warn(error);
  return null;
}
