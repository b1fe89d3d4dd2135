// What was dropped, pasted or chosen → one picture, or one list.

import { Problem } from "../api.js";
import { MAX_FILES, zipFiles } from "./zip.js";

const PICTURE = /\.(jpe?g|png|webp|gif|avif)$/i;
const LIST_TYPES = {
  csv: "text/csv", tsv: "text/tab-separated-values", txt: "text/plain", json: "application/json",
  ndjson: "application/x-ndjson", jsonl: "application/x-ndjson", zip: "application/zip",
  tar: "application/x-tar", gz: "application/gzip", tgz: "application/gzip", js: "application/json",
};
const URL_LINE = /^https?:\/\/\S+$/i;
const EDGES = /(^|\/)(edges|links)\.(csv|tsv|txt)$/i;

/** Every file of a drop, folders included: [path, File] each. */
export async function droppedFiles(transfer) {
  const roots = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!roots.length) return namedFiles(transfer.files);
  const found = [];
  for (const root of roots) await walk(root, found);
  return found;
}

/** Files of an input or the clipboard: [path, File] each. */
export function namedFiles(files) {
  return [...files].map((file) => [file.webkitRelativePath || file.name, file]);
}

async function walk(entry, found) {
  if (entry.name.startsWith(".")) return;
  if (entry.isFile) {
    found.push([entry.fullPath.slice(1), await new Promise((resolve, reject) => entry.file(resolve, reject))]);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const each of some) await walk(each, found);
  }
}

const isPicture = (file) => file.type.startsWith("image/") || PICTURE.test(file.name);

/**
 * `{kind: "picture", file}`, or `{kind: "list", body, type, title, files}` where `files` are the
 * pictures by name. Throws `Problem` if there is nothing to send.
 */
export async function readFiles(named, onFile) {
  const known = named.filter(([path, file]) => isPicture(file) || extension(path) in LIST_TYPES);
  const edges = known.length > 1 ? known.find(([path]) => EDGES.test(path)) : null;
  const wanted = known.filter((each) => each !== edges);
  if (!wanted.length) throw new Problem({ code: "not_an_image", title: "Nothing to read" });
  const [path, file] = wanted[0];
  if (wanted.length === 1 && isPicture(file)) return { kind: "picture", file };
  const list = wanted.length === 1 ? listOf(path, file) : await zippedList(wanted, onFile);
  return edges ? withEdges(list, edges[1]) : list;
}

/** A form of both; the browser names its type. */
function withEdges(list, edges) {
  const body = new FormData();
  body.append("file", list.body, list.body.name ?? "list.zip");
  body.append("edges", edges, edges.name);
  return { ...list, body, type: "" };
}

/** Text that was pasted or typed: one URL, or a list of any kind. */
export function readText(text) {
  const lines = text.trim().split(/\s*\n\s*/);
  if (lines.length === 1 && URL_LINE.test(lines[0])) return { kind: "url", url: lines[0] };
  const isJson = /^[[{]/.test(lines[0]);
  const type = isJson ? "application/json" : lines.every((line) => URL_LINE.test(line)) ? "text/plain" : "text/csv";
  return { kind: "list", body: new Blob([text], { type }), type, title: "Pasted list", files: new Map() };
}

function listOf(path, file) {
  return { kind: "list", body: file, type: LIST_TYPES[extension(path)], title: stem(path), files: new Map() };
}

async function zippedList(wanted, onFile) {
  if (wanted.length > MAX_FILES) throw new Problem({ code: "too_large", detail: `Send ${MAX_FILES} files at most, or use the command line.` });
  const lists = wanted.filter(([, file]) => !isPicture(file));
  if (lists.length > 1) throw new Problem({ code: "list_unreadable", title: "More than one list", detail: "Drop one list at a time, with its pictures or without. Lines between accounts go beside it as edges.csv." });
  const body = await zipFiles(withoutSharedFolder(wanted), onFile);
  const files = new Map(withoutSharedFolder(wanted).filter(([, file]) => isPicture(file)));
  return { kind: "list", body, type: body.type, title: folderOf(wanted) || `${files.size} pictures`, files };
}

function folderOf(named) {
  const folders = new Set(named.map(([path]) => (path.includes("/") ? path.split("/")[0] : "")));
  return folders.size === 1 ? [...folders][0] : "";
}

function withoutSharedFolder(named) {
  const folder = folderOf(named);
  return folder ? named.map(([path, file]) => [path.slice(folder.length + 1), file]) : named;
}

const extension = (path) => path.split(".").pop().toLowerCase();
const stem = (path) => path.split("/").pop().replace(/(\.[a-z]+)+$/i, "");
