// Items as they come in: the service's pages pass nothing over, so each is asked for once.

import { batchPath, getJson } from "../api.js";
import { followEvents } from "../event_stream.js";
import { asProblem } from "../problem_view.js";
import { addTiles, emit } from "./store.js";

const PAGE = 1000;
const MAX_TILES = 50_000;
const ENDED = new Set(["completed", "failed", "cancelled"]);

export const hasEnded = (batch) => ENDED.has(batch.status);

/** Follow a list until it has ended or `signal` aborts; `store.interrupted` while the service is away. */
export async function followList(store, signal) {
  setBatch(store, await getJson(batchPath(store.batchId), { signal }));
  const load = pageLoader(store, signal);
  await load();
  if (hasEnded(store.batch)) return;
  const note = (error) => {
    if (signal.aborted) return;
    store.interrupted = error && asProblem(error);
    emit(store, "batch");
  };
  await followEvents(batchPath(store.batchId, "events"), (type, value) => {
    if (type === "interrupted") return note(value);
    setBatch(store, value);
    return load().then(() => note(null), note);
  }, signal);
  setBatch(store, await getJson(batchPath(store.batchId), { signal }));
  await load();
}

function setBatch(store, batch) {
  store.batch = batch;
  emit(store, "batch");
}

/** A function that loads what is there by now; one at a time, and once more if asked meanwhile. */
function pageLoader(store, signal) {
  let cursor = null;
  let running = null;
  let again = false;
  const run = async () => {
    do {
      again = false;
      cursor = await loadPages(store, cursor, signal);
    } while (again && !signal.aborted);
  };
  return () => {
    again = true;
    running ??= run().finally(() => { running = null; });
    return running;
  };
}

async function loadPages(store, start, signal) {
  let cursor = start;
  for (;;) {
    const query = new URLSearchParams({ limit: PAGE, ...(cursor ? { cursor } : {}) });
    const page = await getJson(batchPath(store.batchId, `tiles?${query}`), { signal });
    if (page.data.length) addTiles(store, page.data);
    cursor = page.next_cursor ?? cursor;
    if (!page.has_more || store.tiles.length >= MAX_TILES) return cursor;
  }
}
