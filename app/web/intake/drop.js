// Drop and paste work everywhere on the page.

import { droppedFiles, namedFiles, readText } from "./files.js";

/** `take(named)` gets files, `takeSource(source)` what pasted text says. */
export function listenForInput(take, takeSource) {
  let depth = 0;
  const mark = (change) => {
    depth = change === 0 ? 0 : Math.max(0, depth + change);
    document.body.classList.toggle("dropping", depth > 0);
  };
  document.addEventListener("dragenter", () => mark(1));
  document.addEventListener("dragleave", () => mark(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    mark(0);
    const named = await droppedFiles(event.dataTransfer);
    if (named.length) take(named);
    else takeText(event.dataTransfer, takeSource);
  });
  document.addEventListener("paste", (event) => takePaste(event, take, takeSource));
}

function takeText(transfer, takeSource) {
  const text = transfer.getData("text/uri-list") || transfer.getData("text/plain");
  if (text.trim()) takeSource(readText(text));
}

function takePaste(event, take, takeSource) {
  if (event.target.closest("input, textarea, dialog")) return;
  const files = namedFiles(event.clipboardData.files);
  if (files.length) take(files);
  else takeText(event.clipboardData, takeSource);
}
