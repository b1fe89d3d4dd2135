// Placeholder until the network's own module is here.

import { el, link, show } from "../dom.js";

export function showNetwork(view, batchId) {
  show(view, el("section", {}, el("p", { class: "empty" }, link("Back to the list", `#/lists/${batchId}`))));
}
