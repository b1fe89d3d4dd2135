// What the person decided: kept by the service with who and when; it never moves a number.

import { batchPath, getJson, sendJson } from "../api.js";
import { announce } from "../dom.js";
import { asProblem } from "../problem_view.js";
import { emit, nameOf, select, selectedTile } from "./store.js";

/** Decide on the selected item, and go to the next. `decision`: generated, real or unsure. */
export function decide(store, decision) {
  const tile = selectedTile(store);
  if (!tile || store.atEnd) return announce("End of the list");
  store.history.push([tile.seq, store.decisions.get(tile.seq) ?? null]);
  put(store, tile.seq, decision);
  announce(`${nameOf(tile)}: ${decision}`);
  store.atEnd = !select(store, store.selected + 1);
}

/** Take back the last decision, and select its item where it is shown. */
export function undo(store) {
  const last = store.history.pop();
  if (!last) return;
  put(store, ...last);
  const index = store.visible.findIndex((tile) => tile.seq === last[0]);
  if (index >= 0) select(store, index);
  announce("Undone");
}

/** Why the selected item was decided so. */
export function keepNote(store, note) {
  const { seq } = selectedTile(store);
  put(store, seq, store.decisions.get(seq), note);
}

/** Shown at once, sent in turn, and given back if the service refuses. */
async function put(store, seq, decision, note = store.said.get(seq)?.decision_note) {
  const before = store.decisions.get(seq) ?? null;
  setDecision(store, seq, decision);
  const path = batchPath(store.batchId, "items", seq, "decision");
  const turn = store.turn.then(() => sendJson("PUT", path, { decision, note: decision && note }));
  store.turn = turn.catch(() => null);
  try {
    store.said.set(seq, await turn);
    store.decisionError = null;
  } catch (error) {
    setDecision(store, seq, before);
    store.decisionError = asProblem(error);
  }
  emit(store, "decision");
}

function setDecision(store, seq, decision) {
  if (decision === null) store.decisions.delete(seq);
  else store.decisions.set(seq, decision);
  emit(store, "decision");
}

/** How the person's false flags compare with the expected ones, in the service's words. */
export async function falseFlagSentence(store, signal) {
  const summary = await getJson(batchPath(store.batchId, "decisions"), { signal });
  const { generated, real } = summary.flagged;
  return generated + real ? summary.sentence : null;
}
