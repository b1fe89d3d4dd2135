// The composite, which builds up while items arrive, and the eye scatter.

import { batchPath, getBlob } from "../api.js";
import { el } from "../dom.js";
import { hasEnded } from "./loader.js";
import { listen } from "./store.js";

const LEAST_MS = 4000;

/** Pictures of the whole list; each is asked for again as the list grows. */
export function figuresView(store, signal) {
  const composite = figure("The average picture", "Eyes stay sharp only where pictures share one frame.", "composite.png", store, signal);
  const scatter = figure("Where the eyes lie", "Every face of the list over the generator’s eye points.", "scatter.png", store, signal);
  return el("details", { class: "figures" }, el("summary", { text: "Composite and eye scatter" }),
    el("div", { class: "pair" }, composite, scatter));
}

function figure(title, note, name, store, signal) {
  const image = el("img", { alt: `${title}. ${note}`, hidden: true });
  const state = { done: -1, at: 0, running: false };
  const update = () => refresh(store, name, image, state, signal);
  listen(store, ["batch"], update, signal);
  queueMicrotask(() => image.closest("details")?.addEventListener("toggle", update, { signal }));
  return el("figure", {}, image, el("figcaption", {}, el("b", { text: title }), ` ${note}`));
}

async function refresh(store, name, image, state, signal) {
  const open = image.closest("details")?.open;
  const done = store.batch ? store.batch.request_counts.completed : 0;
  const early = Date.now() - state.at < LEAST_MS && !hasEnded(store.batch);
  if (!open || state.running || !done || done === state.done || early) return;
  Object.assign(state, { running: true, at: Date.now() });
  try {
    showBlob(image, await getBlob(batchPath(store.batchId, name), { signal }));
    state.done = done;
  } catch (error) {
    if (!signal.aborted) setTimeout(() => refresh(store, name, image, state, signal), 1000 * (error.retryAfterS ?? 5));
  } finally {
    state.running = false;
  }
}

function showBlob(image, blob) {
  if (image.src) URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(blob);
  image.hidden = false;
}
