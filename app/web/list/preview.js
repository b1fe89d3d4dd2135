// How a list would be read, before anything is kept or fetched; then it is sent.

import { getJson, request } from "../api.js";
import { button, el, show, table } from "../dom.js";
import { bytes, count, plural } from "../numbers.js";
import { attempt } from "../problem_view.js";
import { sentence, words } from "../words.js";
import { rememberFiles } from "./own_files.js";

const PREVIEW_MAX_BYTES = 30_000_000;

/** `source`: a list as `readFiles` or `readText` gives it. */
export function showPreview(view, source, signal) {
  return attempt(view, signal, async () => {
    show(view, el("p", { class: "faint waiting-note", role: "status", text: "Reading …" }));
    show(view, previewView(await loadPreview(source, signal), source, signal));
  });
}

/** Large archives are not sent twice. */
async function loadPreview(source, signal) {
  if (source.body.size > PREVIEW_MAX_BYTES) return null;
  return getJson("/v1/batches?dry_run=true", { method: "POST", headers: headersOf(source), body: source.body, signal });
}

const headersOf = ({ type }) => (type ? { "Content-Type": type } : {});

function previewView(preview, source, signal) {
  const title = el("input", { id: "title", maxlength: 200, value: source.title });
  const note = el("div");
  const start = button("Start", () => submit(source, title.value, { start, note, signal }), { class: "primary" });
  return el("section", { class: "preview" },
    el("h1", { tabindex: -1, text: preview ? readAs(preview) : `${bytes(source.body.size)}, read when it is sent` }),
    el("p", { class: "faint", text: "Nothing has been kept or fetched yet." }),
    preview && mappingView(preview), preview && notesView(preview.notes.filter((text) => !text.startsWith("Columns:"))), preview && rowsView(preview.items),
    el("div", { class: "send" }, el("label", { for: "title", text: "Call it" }), title, start, button("Cancel", () => { location.hash = "#/"; window.dispatchEvent(new PopStateEvent("popstate")); })), note);
}

function readAs({ total, failed, edges, list_format: format }) {
  const wrong = failed ? `, ${count(failed)} of them unreadable` : "";
  const lines = edges ? `, ${plural(edges, "line")} between accounts` : "";
  return `${plural(total, "picture")}${wrong} (${format})${lines}`;
}

function mappingView({ read_as: mapping }) {
  const entries = Object.entries(mapping).filter(([, columns]) => columns.length);
  if (!entries.length) return null;
  return el("dl", { class: "mapping" }, entries.flatMap(([field, columns]) => [
    el("dt", { text: words(field) }), el("dd", { text: columns.join(", ") })]));
}

function notesView(notes) {
  if (!notes.length) return null;
  return el("ul", { class: "notes" }, notes.map((text) => el("li", { text: sentence(text) })));
}

function rowsView(items) {
  const fields = [...new Set(items.flatMap((item) => Object.keys(item.account)))];
  return table("First rows", ["id", "picture", ...fields.map(words)], items.map((item) => rowView(item, fields)), "First rows");
}

function rowView(item, fields) {
  const picture = item.error ? el("td", { class: "bad", text: item.error.detail }) : el("td", { class: "clip", title: item.source, text: item.source });
  return el("tr", {}, el("td", { text: item.custom_id ?? item.seq }), picture, fields.map((name) => el("td", { text: item.account[name] ?? "" })));
}

async function submit(source, title, { start, note, signal }) {
  start.disabled = true;
  start.textContent = "Sending …";
  const headers = { ...headersOf(source), "Idempotency-Key": (source.key ??= newKey()) };
  await attempt(note, signal, async () => {
    const query = title.trim() ? `?title=${encodeURIComponent(title.trim())}` : "";
    const response = await request(`/v1/batches${query}`, { method: "POST", headers, body: source.body, signal });
    const batch = await response.json();
    rememberFiles(batch.id, source.files);
    location.hash = `#/lists/${batch.id}`;
  });
  start.disabled = false;
  start.textContent = "Start";
}

/** `crypto.randomUUID` is missing where the page came over plain HTTP. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
