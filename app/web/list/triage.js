// The keyboard: arrows to move, letters to decide.

import { helpDialog } from "../dialogs.js";
import { decide, undo } from "./decisions.js";
import { setEyes } from "./filters.js";
import { select } from "./store.js";

/** `gallery` says how many columns a row has; `actions`: `open()`, `blink()`. */
export function listenForKeys(store, gallery, actions, signal) {
  const moves = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -gallery.columns, ArrowDown: () => gallery.columns,
    Home: () => -Infinity, End: () => Infinity };
  const commands = {
    f: () => decide(store, "generated"),
    c: () => decide(store, "real"),
    n: () => decide(store, "unsure"),
    u: () => undo(store),
    l: () => setEyes(store, !store.eyes),
    b: actions.blink,
    Enter: actions.open,
    "/": () => document.getElementById("search").focus(),
    "?": helpDialog,
  };
  document.addEventListener("keydown", (event) => {
    if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key] && isInGallery(event, gallery)) select(store, store.selected + moves[event.key]());
    else if (commands[event.key] && (event.key !== "Enter" || event.target === gallery.node)) commands[event.key]();
    else return;
    event.preventDefault();
  }, { signal });
}

/** Arrows belong to sliders, menus and the page itself where those have the focus. */
function isInGallery(event, gallery) {
  return event.target === gallery.node || event.target === document.body || event.target.id === "view";
}

function isTyping({ target }) {
  return target.closest("input:not([type=checkbox]), textarea, select, dialog") !== null;
}
