// What the service says of its model and its limits, asked for once.

import { getJson } from "./api.js";

/** Asks once, and gives nothing where it cannot be had: the page does without. */
function once(path) {
  let answer = null;
  return () => (answer ??= getJson(path).catch((error) => {
    answer = null;
    console.warn(error);
    return null;
  }));
}

export const loadModel = once("/v1/model");
export const loadLimits = once("/v1/limits");

/** The template's eyes in a picture that fits it untouched; nothing for any other. */
export function templateEyes(card, alignment) {
  if (!alignment || alignment.transform !== "untouched") return null;
  return card?.template_eyes?.[alignment.template] ?? null;
}

/** The rate at which ordinary avatars get `verdict`, with its upper bound. */
export function thresholdOf(card, verdict) {
  return card?.calibration?.thresholds?.find((each) => each.verdict === verdict) ?? null;
}
