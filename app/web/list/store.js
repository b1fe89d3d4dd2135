// The items of one list in this tab: filtered and sorted here, so that nothing waits for the service.

const FAILED_RANK = -1e300;
const UNSCORED_RANK = -1e200;
export const NO_FILTER = { verdict: "", kind: "", template: "", warning: "", decision: "", copies: false, text: "", order: "evidence" };

/** `tiles` as the service gave them, `visible` those that pass the filter, in order; `said`: who decided, and why. */
export function createStore(batchId) {
  return {
    batchId, batch: null, tiles: [], bySeq: new Map(), visible: [], filter: { ...NO_FILTER },
    decisions: new Map(), said: new Map(), turn: Promise.resolve(), history: [], selected: 0, touched: false, pinned: null, eyes: true, copies: new Set(),
    events: new EventTarget(),
  };
}

/** Tell listeners: `items`, `filter`, `selection`, `decision`, `said`, `eyes`, `batch`. */
export function emit(store, type) {
  store.events.dispatchEvent(new Event(type));
}

/** Call `listener` on each of `types`, until `signal` aborts. */
export function listen(store, types, listener, signal) {
  types.forEach((type) => store.events.addEventListener(type, listener, { signal }));
}

export function addTiles(store, tiles) {
  for (const tile of tiles) {
    if (store.bySeq.has(tile.seq)) Object.assign(store.bySeq.get(tile.seq), tile);
    else {
      store.tiles.push(tile);
      store.bySeq.set(tile.seq, tile);
    }
    if (tile.decision) store.decisions.set(tile.seq, tile.decision);
  }
  findCopies(store);
  applyFilter(store);
  emit(store, "items");
  if (store.atEnd) store.atEnd = !select(store, store.selected + 1);
}

export function setFilter(store, change) {
  Object.assign(store.filter, change);
  Object.assign(store, { selected: 0, atEnd: false });
  applyFilter(store);
  emit(store, "filter");
}

/** What a person has selected stays so where it is still there; before that the first item is. */
function applyFilter(store) {
  const selected = store.touched ? store.visible[store.selected] : null;
  store.visible = store.tiles.filter((tile) => passes(store, tile)).sort(ORDERS[store.filter.order]);
  store.selected = Math.max(0, store.visible.indexOf(selected));
}

export function select(store, index) {
  const last = store.visible.length - 1;
  const next = Math.max(0, Math.min(last, index));
  store.atEnd = false;
  if (next === store.selected || last < 0) return false;
  store.selected = next;
  store.touched = true;
  emit(store, "selection");
  return true;
}

export const selectedTile = (store) => store.visible[store.selected] ?? null;

/** Where an item stands by its evidence; unscored ones behind, failures last. */
function rank(tile) {
  if (tile.error) return FAILED_RANK;
  return tile.outcome === "scored" ? tile.llr : UNSCORED_RANK;
}

const ORDERS = {
  evidence: (a, b) => rank(b) - rank(a) || a.seq - b.seq,
  list: (a, b) => a.seq - b.seq,
  name: (a, b) => nameOf(a).localeCompare(nameOf(b)) || a.seq - b.seq,
};

export function nameOf(tile) {
  return tile.account.display_name || tile.account.username || tile.custom_id || tile.source.split("/").pop() || `${tile.seq}`;
}

/** What kind of answer an item has: its outcome, or its error's code. */
export const kindOf = (tile) => tile.error?.code ?? tile.outcome;

function passes(store, tile) {
  const { verdict, kind, template, warning, decision, copies, text } = store.filter;
  return (!verdict || tile.verdict === verdict)
    && (!kind || kindOf(tile) === kind)
    && (!template || tile.template === template)
    && (!warning || tile.warnings.includes(warning))
    && (!decision || (store.decisions.get(tile.seq) ?? "none") === decision)
    && (!copies || store.copies.has(tile.seq))
    && (!text || searchText(tile).includes(text.toLowerCase()));
}

function searchText(tile) {
  tile.text ??= [tile.custom_id, tile.source, ...Object.values(tile.account)].join(" ").toLowerCase();
  return tile.text;
}

/** Identical hashes at once; the service's groups, which also find near ones, once the list has ended. */
function findCopies(store) {
  const byHash = Map.groupBy(store.tiles.filter((tile) => tile.pdq && tile.outcome === "scored"), (tile) => tile.pdq);
  const exact = [...byHash.values()].filter((group) => group.length > 1).flat().map((tile) => tile.seq);
  const near = (store.batch?.cohort?.duplicates ?? []).flatMap((group) => group.seqs);
  store.copies = new Set([...exact, ...near]);
}

/** How many items each value of `read(tile)` has, the most frequent first. */
export function tally(store, read) {
  const counts = new Map();
  for (const value of store.tiles.flatMap(read)) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].filter(([value]) => value).sort((a, b) => b[1] - a[1]);
}
