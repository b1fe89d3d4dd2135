// Two pictures in one place, in turns: what they share stands still.

import { ask } from "../dialogs.js";
import { button, el } from "../dom.js";
import { nameOf } from "./store.js";

const TURN_MS = 650;

/** `pictures`: two of [tile, url]. Resolves when the dialog is closed. */
export function blink(pictures) {
  const images = pictures.map(([tile, source]) => el("img", { src: source, alt: nameOf(tile) }));
  const caption = el("p", { class: "faint", role: "status" });
  const turn = el("button", { type: "button", text: "Turn (space)" });
  const dialog = el("dialog", { class: "blink", "aria-label": "Blink between two pictures" },
    el("div", { class: "stack" }, images, el("i", { class: "eye" })),
    caption, el("div", { class: "buttons" }, turn, button("Close", () => dialog.close())));
  let shown = 1;
  const swap = () => {
    shown = 1 - shown;
    images.forEach((image, n) => image.classList.toggle("hidden", n !== shown));
    caption.textContent = `${shown + 1} of 2: ${nameOf(pictures[shown][0])}`;
  };
  swap();
  turn.addEventListener("click", swap);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const timer = still ? 0 : setInterval(swap, TURN_MS);
  document.body.append(dialog);
  return ask(dialog).finally(() => {
    clearInterval(timer);
    dialog.remove();
  });
}
