// One list: its head, its filters, its gallery, the selected item beside it.

import { announce, el, show } from "../dom.js";
import { loadModel } from "../model.js";
import { attempt, ofList } from "../problem_view.js";
import { blink } from "./blink.js";
import { detailView, openDetail } from "./detail.js";
import { figuresView } from "./figures.js";
import { filtersView } from "./filters.js";
import { Gallery } from "./gallery.js";
import { headView } from "./head.js";
import { followList } from "./loader.js";
import { largestPicture } from "./own_files.js";
import { createStore, emit, listen, selectedTile } from "./store.js";
import { listenForKeys } from "./triage.js";

export function showList(view, batchId, signal) {
  return attempt(view, signal, async () => {
    const store = createStore(batchId);
    document.body.classList.remove("with-detail");
    const parts = buildParts(store, signal);
    show(view, parts.root);
    connect(store, parts, signal);
    setEyePoints(parts.root);
    await ofList(() => followList(store, signal));
    if (!store.tiles.length) show(parts.stage, el("p", { class: "empty", text: store.batch.error ?? "There is nothing in this list." }));
  });
}

function buildParts(store, signal) {
  const gallery = new Gallery(store, () => openDetail(detail), signal);
  const detail = detailView(store, gallery.thumbnails, signal);
  const filters = filtersView(store, signal);
  const stage = el("div", { class: "stage" }, gallery.node, detail);
  const root = el("section", { class: "list" }, headView(store, signal), figuresView(store, signal), filters, stage);
  return { root, gallery, detail, filters, stage };
}

function connect(store, { root, gallery, detail, filters }, signal) {
  const on = (type, listener) => listen(store, [type], listener, signal);
  listen(store, ["items", "filter"], () => gallery.layout(), signal);
  const isWide = () => matchMedia("(min-width: 1000px)").matches;
  const edges = () => [filters.getBoundingClientRect().bottom, detail.hidden || isWide() ? innerHeight : detail.getBoundingClientRect().top];
  on("selection", () => { gallery.update(); gallery.reveal(...edges()); });
  detail.addEventListener("open", () => isWide() || gallery.reveal(...edges()));
  on("decision", () => gallery.update());
  on("eyes", () => root.classList.toggle("no-eyes", !store.eyes));
  on("items", () => { if (detail.hidden && isWide()) openDetail(detail); });
  listenForKeys(store, gallery, {
    open: () => openDetail(detail),
    blink: () => blinkOrPin(store, gallery.thumbnails),
  }, signal);
  gallery.node.focus({ preventScroll: true });
}

/** The first press pins a picture, the second blinks between it and the selected one. */
async function blinkOrPin(store, thumbnails) {
  const tile = selectedTile(store);
  const pinned = store.bySeq.get(store.pinned);
  if (!tile) return;
  if (pinned && pinned !== tile) {
    await blink([pinned, tile].map((each) => [each, largestPicture(store.batchId, each, thumbnails)]));
    return;
  }
  store.pinned = pinned ? null : tile.seq;
  announce(pinned ? "Unpinned" : "Pinned: select another and press b");
  emit(store, "decision");
}

/** The eye lines of every tile lie where the model's own template has its eyes. */
async function setEyePoints(root) {
  const eyes = (await loadModel())?.template_eyes?.ffhq;
  if (!eyes) return;
  const [[left, y], [right]] = eyes;
  for (const [name, value] of [["--eye-y", y], ["--eye-left", left], ["--eye-right", right]]) {
    document.documentElement.style.setProperty(name, `${100 * value}%`);
  }
  root.dataset.eyes = "known";
}
