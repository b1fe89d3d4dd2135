// The three things the page asks or tells in a dialog: the key, a confirmation, help.

import { button, el } from "./dom.js";

const KEYS = [
  ["← ↑ → ↓", "move through the list"],
  ["f", "generated"],
  ["c", "real photograph"],
  ["n", "unsure"],
  ["u", "undo"],
  ["l", "eye lines on or off"],
  ["b", "pin a picture, then blink between it and another"],
  ["Enter", "details"],
  ["/", "search"],
  ["?", "this help"],
  ["Esc", "close"],
];

/** Resolves to what the dialog was closed with, "" if it was dismissed. */
function ask(dialog) {
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue); }, { once: true });
  });
}

/** The API key, or "" if none is given. `problem` says why it is asked for. */
export async function askKey(problem) {
  const input = el("input", { id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true });
  const dialog = el("dialog", { class: "ask", "aria-labelledby": "key-title" },
    el("form", { method: "dialog" },
      el("h2", { id: "key-title", text: "This service asks for a key" }),
      el("p", { class: "faint", text: problem.detail }),
      el("label", { for: "key", text: "API key" }), input,
      el("p", { class: "tiny faint", text: "Kept in this tab’s memory, gone when it closes or reloads." }),
      el("div", { class: "buttons" }, button("Cancel", () => dialog.close("")), el("button", { class: "primary", value: "ok", text: "Use it" }))));
  return (await ask(dialog)) === "ok" ? input.value.trim() : "";
}

/** Whether the person agrees. `verb` is what the button says. */
export async function confirmDialog(title, text, verb) {
  const dialog = el("dialog", { class: "ask", "aria-labelledby": "confirm-title" },
    el("form", { method: "dialog" },
      el("h2", { id: "confirm-title", text: title }), el("p", { text }),
      el("div", { class: "buttons" }, el("button", { value: "", text: "Keep", autofocus: true }), el("button", { class: "danger", value: "ok", text: verb }))));
  return (await ask(dialog)) === "ok";
}

/** What the keys do. */
export function helpDialog() {
  const dialog = el("dialog", { class: "ask help", "aria-labelledby": "help-title" },
    el("form", { method: "dialog" },
      el("h2", { id: "help-title", text: "Keys" }),
      el("dl", {}, KEYS.flatMap(([key, what]) => [el("dt", {}, el("kbd", { text: key })), el("dd", { text: what })])),
      el("p", { class: "tiny faint" }, "Drop or paste anywhere. For programs: ", el("a", { href: "/docs", text: "the API" }), "."),
      el("div", { class: "buttons" }, el("button", { value: "ok", text: "Close" }))));
  return ask(dialog);
}
