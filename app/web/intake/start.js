// The first view: a frame with the generators' eye points, and every way to put something in.

import { button, el, show } from "../dom.js";
import { namedFiles, readText } from "./files.js";

const LISTS = ".csv,.tsv,.txt,.json,.ndjson,.jsonl,.zip,.tar,.gz,.tgz";

/** `take(named)` gets files, `takeSource(source)` what text says. */
export function startView(take, takeSource) {
  const section = el("section", { class: "start", "aria-labelledby": "start-title" });
  return show(section, frame(), choices(take), urlForm(takeSource), promise());
}

function frame() {
  return el("div", { class: "frame", id: "frame" },
    el("i", { class: "line across" }), el("i", { class: "line left" }), el("i", { class: "line right" }),
    el("h1", { id: "start-title" }, "Drop a face,", el("br"), "or a list of them"),
    el("p", { class: "lead", text: "A picture, pictures, a folder, a CSV, JSON or zip. Or paste." }));
}

function choices(take) {
  return el("div", { class: "choices" },
    chooser("Choose files", { accept: `image/*,${LISTS}`, multiple: true }, take, "primary"),
    chooser("Choose a folder", { webkitdirectory: true, multiple: true }, take, ""));
}

/** A real button that opens the hidden file input: it can be reached and named by everybody. */
function chooser(text, attributes, take, kind) {
  const input = el("input", { type: "file", class: "unseen", tabindex: -1, "aria-hidden": "true", ...attributes, on: { change: () => take(namedFiles(input.files)) } });
  return el("span", {}, input, button(text, () => input.click(), { class: kind }));
}

function urlForm(takeSource) {
  const input = el("textarea", { id: "url", rows: 1, placeholder: "https://…", autocomplete: "off", spellcheck: "false" });
  const submit = (event) => {
    event.preventDefault();
    if (input.value.trim()) takeSource(readText(input.value));
  };
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) submit(event);
  });
  return el("form", { class: "url", on: { submit } },
    el("label", { for: "url", text: "Address of a picture, or one a line" }), input, el("button", { type: "submit", text: "Look" }));
}

function promise() {
  return el("p", { class: "faint", text: "Pictures go to this service and nowhere else. It tells StyleGAN faces from photographs; it is silent about diffusion models and about the account." });
}
