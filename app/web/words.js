// Codes of the API in plain words.

export const VERDICT = {
  likely_stylegan: "Likely StyleGAN",
  inconclusive: "Inconclusive",
  unlikely_stylegan: "Unlikely StyleGAN",
  not_applicable: "Not scored",
};

export const VERDICT_SENTENCE = {
  likely_stylegan: "This picture looks made by a StyleGAN-family face generator.",
  inconclusive: "The picture does not say which.",
  unlikely_stylegan: "This picture does not look made by a StyleGAN-family face generator.",
};

export const OUTCOME = {
  scored: "Scored",
  no_face: "No face found",
  too_small: "Face too small",
  not_a_photo: "Not a photograph",
};

export const OUTCOME_SENTENCE = {
  no_face: ["No face found.", "Nothing was measured, so nothing is said. Profile faces, masks and drawings are often missed."],
  too_small: ["The face is too small.", "Nothing was measured. A larger copy of the picture could be."],
  not_a_photo: ["Not a photograph.", "It looks drawn, or like a logo, so nothing was measured."],
};

export const WARNING = {
  several_faces: "Several faces. Each was weighed; the strongest answers.",
  animated: "An animation: only its first frame was analyzed.",
  turned_away: "The head is turned far aside, where landmarks are less certain.",
  rotated: "The face is tilted or lies on its side.",
  geometry_only: "No pixel check could measure: nothing here tells a photograph cut to this frame from a generated face.",
  too_small_to_clear: "Too small for a result against a generator.",
};

export const LIMITS = [
  "It speaks of StyleGAN faces only: diffusion models and other generators are not seen.",
  "A face is not an account. A generated face proves no bad intent, a photograph no good one.",
  "A real photograph that was cut into the generator's frame can look alike.",
];

/** Verbal equivalents of |llr| (ENFSI 2015): lower bound and name. */
export const BANDS = [
  [0, "none"],
  [0.30103, "weak"],
  [1, "moderate"],
  [2, "moderately strong"],
  [3, "strong"],
  [4, "very strong"],
  [6, "extremely strong"],
];

export function support(llr) {
  return BANDS.findLast(([bound]) => Math.abs(llr) >= bound)[1];
}

export const words = (code) => code.replaceAll("_", " ");

export function sentence(text) {
  const trimmed = text.trim();
  if (!trimmed) return "";
  return trimmed[0].toUpperCase() + trimmed.slice(1) + (/[.!?…]$/.test(trimmed) ? "" : ".");
}
