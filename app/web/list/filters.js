// What of the list is shown, and in which order.

import { button, el, show } from "../dom.js";
import { count } from "../numbers.js";
import { OUTCOME, VERDICT, words } from "../words.js";
import { emit, kindOf, listen, NO_FILTER, setFilter, tally } from "./store.js";

const DECISIONS = ["none", "generated", "real", "unsure"];
const ORDERS = { evidence: "by evidence", list: "as in the list", name: "by name" };

/** The toolbar of a list. It is written again when the items change, and keeps its focus. */
export function filtersView(store, signal) {
  const verdicts = el("div", { class: "verdicts", role: "group", "aria-label": "Verdict" });
  const selects = el("div", { class: "selects" });
  const shown = el("p", { class: "shown faint", role: "status" });
  const clear = button("Clear", () => setFilter(store, { ...NO_FILTER, order: store.filter.order }), { class: "plain small" });
  const bar = el("div", { class: "filters" }, verdicts, selects, searchBox(store), eyesSwitch(store, signal), clear, shown);
  const update = () => {
    show(verdicts, verdictButtons(store));
    updateSelects(store, selects);
    const all = store.visible.length === store.tiles.length;
    clear.classList.toggle("gone", all);
    bar.querySelectorAll("[data-field]").forEach((control) => showFilter(control, store.filter[control.dataset.field]));
    shown.textContent = all ? count(store.tiles.length) : `${count(store.visible.length)} of ${count(store.tiles.length)}`;
  };
  listen(store, ["items", "filter"], update, signal);
  const observer = new ResizeObserver(() => document.documentElement.style.setProperty("--filters", `${bar.offsetHeight}px`));
  observer.observe(bar);
  signal.addEventListener("abort", () => observer.disconnect());
  update();
  return bar;
}

/** What is being typed stays as it is. */
function showFilter(control, value) {
  if (control.type === "checkbox") control.checked = value;
  else if (control.value.trim() !== value) control.value = value;
}

function verdictButtons(store) {
  const counts = new Map(tally(store, (tile) => [tile.verdict]));
  return Object.keys(VERDICT).filter((verdict) => counts.has(verdict)).map((verdict) => {
    const pressed = store.filter.verdict === verdict;
    return el("button", {
      type: "button", class: "pill", data: { verdict }, "aria-pressed": String(pressed),
      on: { click: () => toggleVerdict(store, pressed ? "" : verdict) },
    }, el("i", { class: "shape", "aria-hidden": "true" }), VERDICT[verdict], el("b", { text: count(counts.get(verdict)) }));
  });
}

function toggleVerdict(store, verdict) {
  setFilter(store, { verdict });
  const group = document.querySelector(`.pill[aria-pressed="true"]`) ?? document.querySelector(".pill");
  group?.focus({ preventScroll: true });
}

/** Each is made once it has something to offer, and its options are kept up to date. */
function updateSelects(store, parent) {
  const offers = {
    kind: ["outcome", tally(store, (tile) => [kindOf(tile)]), (code) => OUTCOME[code] ?? words(code)],
    template: ["frame", tally(store, (tile) => [tile.template]), (name) => name],
    warning: ["warning", tally(store, (tile) => tile.warnings), words],
    decision: ["decision", DECISIONS.map((name) => [name]), (name) => (name === "none" ? "undecided" : name)],
  };
  for (const [field, [label, options, text]] of Object.entries(offers)) {
    if (options.length > 1 || store.filter[field] || field === "warning" && options.length) {
      updateSelect(store, parent, field, [["", `any ${label}`], ...options.map(([value, n]) => [value, n ? `${text(value)} (${count(n)})` : text(value)])]);
    }
  }
  if (!parent.querySelector("#filter-order")) {
    updateSelect(store, parent, "order", Object.entries(ORDERS));
    parent.append(copiesSwitch(store));
  }
}

function updateSelect(store, parent, field, options) {
  let select = parent.querySelector(`#filter-${field}`);
  if (!select) {
    select = el("select", { id: `filter-${field}`, "aria-label": field, data: { field }, on: { change: () => setFilter(store, { [field]: select.value }) } });
    parent.prepend(select);
  }
  const signature = options.join();
  if (select.dataset.options === signature) return;
  select.dataset.options = signature;
  show(select, options.map(([value, text]) => el("option", { value, text })));
}

function copiesSwitch(store) {
  const box = el("input", { type: "checkbox", data: { field: "copies" }, on: { change: () => setFilter(store, { copies: box.checked }) } });
  return el("label", { class: "switch" }, box, "copies only");
}

function searchBox(store) {
  return el("input", {
    type: "search", id: "search", data: { field: "text" }, placeholder: "Search", "aria-label": "Search names, ids, addresses",
    on: { input: (event) => setFilter(store, { text: event.target.value.trim() }) },
  });
}

function eyesSwitch(store, signal) {
  const box = el("input", { type: "checkbox", checked: store.eyes, on: { change: () => setEyes(store, box.checked) } });
  listen(store, ["eyes"], () => { box.checked = store.eyes; }, signal);
  return el("label", { class: "switch", title: "Lines through the generator’s eye points (l)" }, box, "eye lines");
}

export function setEyes(store, visible) {
  store.eyes = visible;
  emit(store, "eyes");
}
