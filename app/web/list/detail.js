// The selected item: its decision, its account, where else to look, and the whole analysis.

import { batchPath, getBlob, getJson } from "../api.js";
import { analysisView } from "../analysis/view.js";
import { button, el, link, show } from "../dom.js";
import { count, date } from "../numbers.js";
import { attempt, problemCard } from "../problem_view.js";
import { decide, keepNote } from "./decisions.js";
import { profileLink, searchLinks } from "./elsewhere.js";
import { largestPicture, ownFile } from "./own_files.js";
import { emit, listen, nameOf, selectedTile } from "./store.js";

const WAIT_MS = 140;
const LABELS = { display_name: "name", username: "user", created_at: "created", followers_count: "followers", following_count: "following", posts_count: "posts" };

/** A panel that follows the selection. `thumbnails` has the pictures of items not dropped in this tab. */
export function detailView(store, thumbnails, signal) {
  const body = el("div", { class: "detail-body" });
  const heading = el("h2", { id: "detail-name" });
  const panel = el("aside", { class: "detail", "aria-labelledby": "detail-name", hidden: true },
    el("header", {}, heading, button("Close", () => close(panel), { class: "plain small close" })), decisionBar(store, signal), noteView(store, signal), body);
  let timer = 0;
  const update = () => {
    clearTimeout(timer);
    const tile = selectedTile(store);
    panel.classList.toggle("none", !tile);
    if (!tile || panel.hidden) return;
    heading.textContent = nameOf(tile);
    timer = setTimeout(() => showItem(store, tile, thumbnails, body, signal), WAIT_MS);
  };
  listen(store, ["selection", "filter"], update, signal);
  panel.addEventListener("open", update);
  return panel;
}

export function openDetail(panel) {
  panel.hidden = false;
  document.body.classList.add("with-detail");
  panel.dispatchEvent(new Event("open"));
}

function close(panel) {
  panel.hidden = true;
  document.body.classList.remove("with-detail");
  document.querySelector(".gallery")?.focus({ preventScroll: true });
}

function decisionBar(store, signal) {
  const choices = [["generated", "Generated", "f"], ["real", "Real", "c"], ["unsure", "Unsure", "n"]];
  const buttons = choices.map(([value, text, key]) => el("button", {
    type: "button", data: { decision: value }, "aria-keyshortcuts": key, on: { click: () => decide(store, value) },
  }, text, el("kbd", { "aria-hidden": "true", text: key })));
  const update = () => {
    const tile = selectedTile(store);
    buttons.forEach((each) => each.setAttribute("aria-pressed", String(tile && store.decisions.get(tile.seq) === each.dataset.decision)));
  };
  listen(store, ["selection", "filter", "decision", "said"], update, signal);
  return el("div", { class: "decide", role: "group", "aria-label": "Your decision" }, buttons);
}

/** Who decided, when, and why: of an item that was decided. */
function noteView(store, signal) {
  const by = el("p", { class: "tiny faint" });
  const input = el("input", { placeholder: "Why", "aria-label": "Why you decided so", maxlength: 2000, on: { change: () => keepNote(store, input.value) } });
  const view = el("div", { class: "note" }, input, by);
  const update = () => {
    const said = store.said.get(selectedTile(store)?.seq);
    view.hidden = !said?.decision;
    if (view.hidden) return;
    by.textContent = [said.decision_by, date(said.decision_at)].filter(Boolean).join(", ");
    input.value = said.decision_note ?? "";
  };
  listen(store, ["selection", "filter", "decision", "said"], update, signal);
  return view;
}

function showItem(store, tile, thumbnails, body, signal) {
  return attempt(body, signal, async () => {
    const item = await getJson(batchPath(store.batchId, "items", tile.seq), { signal });
    if (selectedTile(store) !== tile) return;
    store.said.set(tile.seq, item);
    emit(store, "said");
    show(body, accountView(tile), elsewhereView(tile), await answerView(store, item, thumbnails));
  });
}

async function answerView(store, item, thumbnails) {
  if (item.error) return problemCard({ code: item.error.code, title: item.error.title, detail: item.error.detail });
  const file = ownFile(store.batchId, item.source);
  const view = await analysisView(item, largestPicture(store.batchId, item, thumbnails), file);
  if (!file) view.querySelector(".left").append(overlayButton(store, item));
  return view;
}

/** The service's own drawing, large: while the picture can still be fetched, or was kept. */
function overlayButton(store, item) {
  const node = button("Fetch it large", async () => {
    node.disabled = true;
    try {
      const blob = await getBlob(batchPath(store.batchId, "items", item.seq, "overlay.png"));
      node.replaceWith(el("img", { class: "overlay", src: URL.createObjectURL(blob), alt: "The service’s drawing of what was measured" }));
    } catch (error) {
      node.replaceWith(el("p", { class: "tiny faint", text: error.message }));
    }
  }, { class: "plain small" });
  return node;
}

function accountView(tile) {
  const entries = Object.entries(tile.account).filter(([, value]) => value);
  const profile = profileLink(tile);
  if (!entries.length && !profile) return null;
  return el("dl", { class: "account" },
    profile && [el("dt", { text: "profile" }), el("dd", {}, outside(profile.text, profile.href))],
    entries.flatMap(([field, value]) => [el("dt", { text: LABELS[field] ?? field }), el("dd", { text: readable(field, value) })]));
}

function readable(field, value) {
  if (/_count$/.test(field) && /^\d+$/.test(value)) return count(Number(value));
  return field === "created_at" && !Number.isNaN(Date.parse(value)) ? date(value) : value;
}

function elsewhereView(tile) {
  const links = searchLinks(tile.source);
  if (!links.length) return null;
  return el("details", { class: "elsewhere" }, el("summary", { text: "Look for the picture elsewhere" }),
    el("p", { class: "tiny", text: "Opening one gives the picture’s address to that site." }),
    el("ul", {}, links.map(({ text, href }) => el("li", {}, outside(text, href)))));
}

function outside(text, href) {
  return link(text, href, { target: "_blank", rel: "noopener noreferrer external" });
}
