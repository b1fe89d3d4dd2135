// Enlarged parts of the picture: what each check measured, beside its sentence.

import { el, svg } from "../dom.js";
import { drawMarks } from "./marks.js";

const ASPECT = 1.5;
const MARGIN = 1.7;
const FAR = 0.4;
const LEAST = 0.06;

/** The parts of the picture that `check` marked, side by side; nothing if it marked none. */
export function cutOut(check, source, size) {
  const regions = findRegions(check.marks, size);
  if (!regions.length) return null;
  return el("div", { class: "cut-out", "aria-hidden": "true" },
    regions.map((region) => drawRegion(check, region, source, size)));
}

/** Boxes [x, y, width, height] in px of the drawing: one, or two where a pair lies apart. */
function findRegions(marks, size) {
  const drawn = marks.filter((mark) => mark.points.length);
  if (!drawn.length) return [];
  const lines = drawn.filter((mark) => mark.shape !== "dots");
  if (lines.length !== 2 || !isPair(lines, size)) {
    return [region(drawn.flatMap((mark) => mark.points), size, ASPECT)];
  }
  const ordered = lines.map((mark) => region(mark.points, size, ASPECT / 2));
  return ordered.sort((a, b) => a[0] - b[0]);
}

function isPair([first, second], size) {
  if (first.label === second.label) return true;
  const points = [...first.points, ...second.points];
  const spread = [0, 1].map((axis) => span(points, axis)).map(([low, high], axis) => (high - low) * size[axis]);
  return Math.max(...spread) > FAR * Math.min(...size);
}

function span(points, axis) {
  const values = points.map((point) => Math.min(1, Math.max(0, point[axis])));
  return [Math.min(...values), Math.max(...values)];
}

function region(points, size, aspect) {
  const [left, right] = span(points, 0).map((x) => x * size[0]);
  const [top, bottom] = span(points, 1).map((y) => y * size[1]);
  const least = LEAST * Math.min(...size);
  const height = Math.min(size[1], Math.max(MARGIN * (bottom - top), (MARGIN * (right - left)) / aspect, least));
  const width = height * aspect;
  const x = clamp((left + right - width) / 2, 0, size[0] - width);
  const y = clamp((top + bottom - height) / 2, 0, size[1] - height);
  return [x, y, width, height];
}

function clamp(value, low, high) {
  return Math.max(low, Math.min(value, Math.max(low, high)));
}

function drawRegion(check, [x, y, width, height], source, size) {
  const place = { "--w": width / size[0], "--h": height / size[1], "--x": x / size[0], "--y": y / size[1] };
  const layers = svg("svg", { viewBox: [x, y, width, height].join(" "), class: "layers" },
    drawMarks(check, size, width / 60));
  return el("div", { class: "region", css: { ...place, "aspect-ratio": `${width} / ${height}` } },
    el("img", { src: source, alt: "" }), layers);
}
