// One tile of the gallery; tiles are used again for other items while the gallery scrolls.

import { el, setCss } from "../dom.js";
import { llr } from "../numbers.js";
import { OUTCOME, VERDICT } from "../words.js";
import { nameOf } from "./store.js";

const DECISION = { generated: "generated", real: "real", unsure: "unsure" };

export function makeTile() {
  const image = el("img", { alt: "", decoding: "async", draggable: "false" });
  const box = el("span", { class: "box" }, image, el("i", { class: "eye across" }), el("i", { class: "eye left" }), el("i", { class: "eye right" }));
  const shape = el("i", { class: "shape" });
  const value = el("b");
  const name = el("span", { class: "name" });
  const node = el("div", { class: "tile", role: "option" }, el("span", { class: "picture-area" }, box, el("span", { class: "why" })),
    el("span", { class: "caption", "aria-hidden": "true" }, shape, value, name));
  return { node, image, box, value, name, why: node.querySelector(".why"), seq: -1 };
}

/** Show `item` in `tile`; `thumbnail` may come later. */
export function fillTile(tile, item, store, index, thumbnail) {
  const decision = store.decisions.get(item.seq);
  tile.seq = item.seq;
  tile.node.id = `tile-${item.seq}`;
  setAttributes(tile.node, {
    "aria-posinset": index + 1, "aria-setsize": store.visible.length,
    "aria-selected": index === store.selected, "aria-label": describe(item, decision),
  });
  Object.assign(tile.node.dataset, { verdict: item.verdict ?? "failed", decision: decision ?? "", pinned: store.pinned === item.seq ? "yes" : "" });
  tile.value.textContent = item.outcome === "scored" ? llr(item.llr) : "";
  tile.name.textContent = nameOf(item);
  tile.why.textContent = item.error ? item.error.title : item.outcome === "scored" ? "" : OUTCOME[item.outcome];
  placeBox(tile.box, item.size);
  showThumbnail(tile, thumbnail);
}

export function showThumbnail(tile, thumbnail) {
  if (thumbnail) {
    if (tile.image.getAttribute("src") !== thumbnail) tile.image.src = thumbnail;
  } else tile.image.removeAttribute("src");
}

/** The whole picture in the square, in its own proportion: eye lines are of the picture's frame. */
function placeBox(box, size) {
  const ratio = size ? size[0] / size[1] : 1;
  setCss(box, { width: `${100 * Math.min(1, ratio)}%`, height: `${100 * Math.min(1, 1 / ratio)}%` });
}

function describe(item, decision) {
  const answer = item.error ? item.error.title
    : item.outcome === "scored" ? `${VERDICT[item.verdict]}, llr ${llr(item.llr)}` : OUTCOME[item.outcome];
  return [nameOf(item), answer, decision && `you said ${DECISION[decision]}`].filter(Boolean).join(", ");
}

function setAttributes(node, values) {
  for (const [name, value] of Object.entries(values)) node.setAttribute(name, value);
}
