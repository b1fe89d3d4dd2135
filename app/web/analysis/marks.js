// Where checks looked, as SVG: colour, dot and dash of each check as in the service's own drawings.

import { svg } from "../dom.js";

/** Okabe and Ito's colours. */
const STYLE = {
  eye_alignment: ["#f0e442", "square", ""],
  hairline: ["#cc79a7", "diamond", "12 11"],
  teeth: ["#009e73", "triangle", "2 6"],
  background_blur: ["#000000", "disc", "14 10 2 10"],
  irises: ["#0072b2", "square", "7 7"],
  texture: ["#e69f00", "diamond", "22 8"],
  fine_texture: ["#56b4e9", "triangle", "16 4 4 4"],
  stamp: ["#ffffff", "triangle", "5 6 14 6"],
};
const UNKNOWN = ["#56b4e9", "disc", "3 3"];
const TEMPLATE_COLOUR = "#d55e00";

export const markColour = (check) => (STYLE[check] ?? UNKNOWN)[0];

/** Marks of `check` in a drawing of `size` [width, height]; `unit`: what a dot's radius is measured in. */
export function drawMarks(check, size, unit) {
  const [colour, shape, dash] = STYLE[check.name] ?? UNKNOWN;
  const first = check.marks.find((mark) => mark.shape !== "dots")?.label;
  const group = svg("g", { class: "marks", data: { check: check.name } });
  for (const mark of check.marks) {
    const points = mark.points.map(([x, y]) => [x * size[0], y * size[1]]);
    const style = { colour, dash: mark.label === first ? "" : dash };
    group.append(...(mark.shape === "dots"
      ? points.flatMap((point) => twice(dotPath(point, shape, unit), { ...style, solid: true }))
      : twice(linePath(points, mark.shape === "outline"), style)));
    group.append(svg("title", { text: mark.label }));
  }
  return group;
}

/** The template's eyes as open rings with hairlines through them, to the edges of `box` [x, y, w, h]. */
export function drawTemplate(eyes, size, unit, box = [0, 0, ...size]) {
  const group = svg("g", { class: "marks template", data: { check: "template" } });
  for (const eye of eyes) {
    const [x, y] = [eye[0] * size[0], eye[1] * size[1]];
    const cross = `M${box[0]} ${y}H${box[0] + box[2]}M${x} ${box[1]}V${box[1] + box[3]}`;
    group.append(svg("path", { d: cross, class: "hair", stroke: TEMPLATE_COLOUR }));
    group.append(...twice(circlePath([x, y], 2.2 * unit), { colour: TEMPLATE_COLOUR, dash: "" }));
  }
  return group;
}

function twice(d, { colour, dash, solid = false }) {
  const light = ["#000000", "#0072b2", "#009e73"].includes(colour);
  const casing = svg("path", { d, class: "casing", stroke: light ? "#fff" : "#000" });
  return [casing, svg("path", { d, class: "stroke", stroke: colour, fill: solid ? colour : "none", "stroke-dasharray": dash })];
}

function linePath(points, closed) {
  return `M${points.map((point) => point.join(" ")).join("L")}${closed ? "Z" : ""}`;
}

function circlePath([x, y], r) {
  return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
}

function dotPath([x, y], shape, r) {
  if (shape === "disc") return circlePath([x, y], r);
  const corners = {
    square: [[-1, -1], [1, -1], [1, 1], [-1, 1]],
    diamond: [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]],
    triangle: [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]],
  }[shape];
  return linePath(corners.map(([dx, dy]) => [x + r * dx, y + r * dy]), true);
}
