// The picture, large, with the marks over it.

import { el, svg } from "../dom.js";
import { drawMarks, drawTemplate } from "./marks.js";

/** `source`: a URL that an image may have. `templateEyes`: of the family, or nothing if it does not fit. */
export function pictureView(analysis, source, templateEyes) {
  const size = drawingSize(analysis);
  const unit = Math.max(...size) / 130;
  const layers = svg("svg", { viewBox: `0 0 ${size.join(" ")}`, "aria-hidden": "true", class: "layers" });
  if (templateEyes) layers.append(drawTemplate(templateEyes, size, unit));
  measured(analysis).forEach((check) => layers.append(drawMarks(check, size, unit)));
  const image = el("img", { src: source, alt: altText(analysis), class: "avatar" });
  const figure = el("figure", { class: "picture", css: { "--ratio": size[0] / size[1] } }, image, layers);
  image.addEventListener("load", () => fitToImage(figure, image, layers, size));
  return figure;
}

export const measured = (analysis) => analysis.checks.filter((check) => check.status === "measured");

/** Width and height to draw in: a thousand wide, in the picture's proportion. */
export function drawingSize({ image }) {
  return [1000, Math.round((1000 * image.height) / image.width)];
}

/** A picture that a browser turns (EXIF) has other proportions than its header says. */
function fitToImage(figure, image, layers, size) {
  const ratio = image.naturalWidth / image.naturalHeight;
  if (Math.abs(ratio - size[0] / size[1]) < 0.01) return;
  figure.style.setProperty("--ratio", ratio);
  layers.setAttribute("preserveAspectRatio", "none");
}

function altText(analysis) {
  const faces = analysis.face ? `${analysis.face.count} face${analysis.face.count > 1 ? "s" : ""}` : "no face";
  return `The picture, ${analysis.image.width} by ${analysis.image.height} pixels, ${faces}`;
}

/** Show or hide the marks of one check; `name` "template" for the template's eyes. */
export function toggleMarks(root, name, visible) {
  root.querySelectorAll(`.marks[data-check="${name}"]`).forEach((group) => {
    group.classList.toggle("off", !visible);
  });
}

/** Dim all marks but those of `name`; of none if it is null. */
export function emphasize(root, name) {
  root.classList.toggle("dimmed", name !== null);
  root.querySelectorAll(".marks").forEach((group) => {
    group.classList.toggle("lit", group.dataset.check === name);
  });
}
