// What a person takes along: the JSON, the evidence bundle, any file.

import { batchPath, getBlob, Problem, request } from "../api.js";
import { announce, button, el } from "../dom.js";
import { followEvents } from "../event_stream.js";
import { zipFiles } from "../intake/zip.js";

export function copyButton(analysis) {
  const { picture, overlay, ...plain } = analysis;
  const node = button("Copy JSON", async () => {
    await copyText(JSON.stringify(plain, null, 2));
    node.textContent = "Copied";
    announce("Copied");
    setTimeout(() => { node.textContent = "Copy JSON"; }, 1500);
  });
  return node;
}

/** The bundle of a list of one, which `eyeline verify` can check; the list is erased again. */
export function evidenceButton(file) {
  return file && downloadButton("Evidence bundle", "evidence.zip", () => bundleOf(file));
}

async function bundleOf(file) {
  const body = await zipFiles([[file.name ?? `picture.${file.type.split("/")[1]}`, file]]);
  const answer = await request("/v1/batches", { method: "POST", headers: { "Content-Type": body.type }, body });
  const { id } = await answer.json();
  try {
    await followEvents(batchPath(id, "events"), () => {}, new AbortController().signal);
    return await getBlob(batchPath(id, "evidence.zip"));
  } finally {
    await request(batchPath(id), { method: "DELETE" });
  }
}

/** A button that fetches with the key and then saves; a plain link could not send the key. */
export function downloadButton(text, name, load) {
  const note = el("span", { class: "tiny faint", role: "status" });
  const node = button(text, async () => {
    node.disabled = true;
    note.textContent = "";
    try {
      saveBlob(name, await load());
    } catch (error) {
      note.textContent = missing(error) ? "This service is older and has none." : error.message;
    } finally {
      node.disabled = false;
    }
  });
  return el("span", { class: "download" }, node, note);
}

/** A menu of files of a batch: [text, path, name] each. */
export function exportMenu(batchId, files) {
  return el("details", { class: "menu" }, el("summary", { class: "button", text: "Export" }),
    el("div", { class: "menu-body" }, files.map(([text, path, name]) => downloadButton(text, name, () => getBlob(batchPath(batchId, path))))));
}

function saveBlob(name, blob) {
  const url = URL.createObjectURL(blob);
  const anchor = el("a", { href: url, download: name });
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function missing(error) {
  return error instanceof Problem && (error.status === 404 || error.status === 405);
}

async function copyText(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = el("textarea", { class: "unseen" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy"); // where the page came over plain HTTP there is no other way
  area.remove();
}
