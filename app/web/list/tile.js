// One tile of the gallery; tiles are used again for other items while the gallery scrolls.

import { el, setCss } from "../dom.js";
import { llr } from "../numbers.js";
import { OUTCOME, VERDICT } from "../words.js";
import { nameOf } from "./store.js";

let made = 0;

/** Few elements, none with an opacity or transform of its own: each costs every frame. */
export function makeTile() {
  const image = el("img", { alt: "", decoding: "async", draggable: "false" });
  const why = el("span", { class: "why" });
  const caption = el("span", { class: "caption", "aria-hidden": "true", text: " " });
  const node = el("div", { class: "tile", role: "option", id: `tile-${made += 1}` }, image, el("i", { class: "eye" }), why, caption);
  return { node, image, why, caption, ratio: 0 };
}

/** Show `item` in `tile`; `thumbnail` may come later. */
export function fillTile(tile, item, store, index, thumbnail) {
  const decision = store.decisions.get(item.seq);
  const answer = item.error?.title ?? (item.outcome === "scored" ? "" : OUTCOME[item.outcome]);
  const name = nameOf(item);
  tile.seq = item.seq;
  const said = [name, answer || `${VERDICT[item.verdict]}, llr ${llr(item.llr)}`, decision && `you said ${decision}`];
  write(tile.node, {
    "data-verdict": item.verdict ?? "failed", "data-decision": decision ?? "", "data-pinned": store.pinned === item.seq ? "yes" : "",
    "aria-posinset": index + 1, "aria-setsize": store.visible.length, "aria-selected": index === store.selected,
    "aria-label": said.filter(Boolean).join(", "),
  });
  tile.caption.firstChild.data = answer ? name : `${llr(item.llr)} ${name}`;
  if (tile.why.textContent !== answer) tile.why.textContent = answer;
  setRatio(tile, item.size ? item.size[0] / item.size[1] : 1);
  showThumbnail(tile, thumbnail);
}

/** What stays the same is not written again: styles would be looked up anew. */
function write(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
  }
}

export function showThumbnail(tile, thumbnail) {
  if (!thumbnail) tile.image.removeAttribute("src");
  else if (tile.image.getAttribute("src") !== thumbnail) tile.image.src = thumbnail;
}

/** The whole picture in the square, in its own proportion: eye lines are of the picture's frame. */
function setRatio(tile, ratio) {
  if (tile.ratio === ratio) return;
  tile.ratio = ratio;
  setCss(tile.node, { "--w": Math.min(1, ratio), "--h": Math.min(1, 1 / ratio) });
}
