// What a person takes along: the JSON, the evidence bundle, any file.

import { batchPath, getBlob, pictureType } from "../api.js";
import { announce, button, el } from "../dom.js";

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

/** With the picture in it, so that `eyeline verify` can analyze it again; the service keeps nothing. */
export function evidenceButton(file) {
  return file && downloadButton("Evidence bundle", "evidence.zip", () => getBlob("/v1/analyses?include=picture", {
    method: "POST", headers: { "Accept": "application/zip", "Content-Type": pictureType(file) }, body: file,
  }));
}

/** A button that fetches with the key and then saves; a plain link could not send the key. */
function downloadButton(text, name, load) {
  const note = el("span", { class: "tiny faint", role: "status" });
  const node = button(text, async () => {
    node.disabled = true;
    note.textContent = "Preparing …";
    try {
      saveBlob(name, await load());
      note.textContent = "";
    } catch (error) {
      note.textContent = error.message;
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
