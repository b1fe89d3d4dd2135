// One tile of the gallery; tiles are used again for other items while the gallery scrolls.

import { el, setCss } from "../dom.js";
import { llr } from "../numbers.js";
import { OUTCOME, VERDICT } from "../words.js";
import { nameOf } from "./store.js";

let made = 0;

/** Few elements, none with an opacity, a transform or a clip of its own: each costs every frame. */
export function makeTile() {
  const image = el("img", { alt: "", decoding: "async", draggable: "false" });
  const box = el("span", { class: "box" }, image, el("i", { class: "eye" }));
  const why = el("span", { class: "why" });
  const caption = el("span", { class: "caption", "aria-hidden": "true" });
  const node = el("div", { class: "tile", role: "option", id: `tile-${made += 1}` }, el("span", { class: "picture-area" }, box, why), caption);
  return { node, image, box, why, caption, seq: -1 };
}

/** Show `item` in `tile`; `thumbnail` may come later. */
export function fillTile(tile, item, store, index, thumbnail) {
  const decision = store.decisions.get(item.seq);
  const answer = item.error?.title ?? (item.outcome === "scored" ? "" : OUTCOME[item.outcome]);
  const name = nameOf(item);
  tile.seq = item.seq;
  Object.assign(tile.node.dataset, { verdict: item.verdict ?? "failed", decision: decision ?? "", pinned: store.pinned === item.seq ? "yes" : "" });
  for (const [key, value] of [["posinset", index + 1], ["setsize", store.visible.length], ["selected", index === store.selected],
    ["label", [name, answer || `${VERDICT[item.verdict]}, llr ${llr(item.llr)}`, decision && `you said ${decision}`].filter(Boolean).join(", ")]]) {
    tile.node.setAttribute(`aria-${key}`, value);
  }
  tile.caption.textContent = answer ? name : `${llr(item.llr)} ${name}`;
  tile.why.textContent = answer;
  placeBox(tile.box, item.size);
  showThumbnail(tile, thumbnail);
}

export function showThumbnail(tile, thumbnail) {
  if (!thumbnail) tile.image.removeAttribute("src");
  else if (tile.image.getAttribute("src") !== thumbnail) tile.image.src = thumbnail;
}

/** The whole picture in the square, in its own proportion: eye lines are of the picture's frame. */
function placeBox(box, size) {
  const ratio = size ? size[0] / size[1] : 1;
  const [width, height] = [100 * Math.min(1, ratio), 100 * Math.min(1, 1 / ratio)];
  setCss(box, { inset: `${(100 - height) / 2}% ${(100 - width) / 2}%` });
}
