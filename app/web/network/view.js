// The network of a list: who shares what with whom, what chance would bring, what it does not show.

import { batchPath, getJson } from "../api.js";
import { exportMenu } from "../analysis/take_away.js";
import { button, el, link, show, table, unseen } from "../dom.js";
import { attempt, ofList } from "../problem_view.js";
import { KIND, NetworkDrawing } from "./drawing.js";

const FILES = ["svg", "png", "graphml", "gexf", "json"];
const SHOWN_COMPONENTS = 200;

export function showNetwork(view, batchId, signal) {
  return attempt(view, signal, async () => {
    show(view, el("p", { class: "faint waiting-note", role: "status", text: "Laying it out …" }));
    const network = await ofList(() => getJson(batchPath(batchId, "network.json"), { signal }));
    show(view, networkView(network, batchId, signal));
  });
}

function networkView(network, batchId, signal) {
  const root = el("section", { class: "network" }, headView(network, batchId));
  if (!network.nodes.length) {
    root.append(el("p", { class: "empty", text: "Nothing joins these accounts beyond what chance or a house style explains." }), aboutView(network));
    return root;
  }
  const drawing = new NetworkDrawing(network, batchId, signal);
  root.append(kindSwitches(network, drawing), drawing.node, componentsView(network, drawing), aboutView(network));
  return root;
}

function headView(network, batchId) {
  return el("header", { class: "title-row" },
    el("h1", { tabindex: -1, text: "Network" }), el("p", { class: "faint", text: network.summary }),
    exportMenu(batchId, FILES.map((type) => [type, `network.${type}`, `network.${type}`])),
    link("List", `#/lists/${batchId}`, { class: "button" }));
}

/** Which kinds of lines are drawn; each with what chance would bring. */
function kindSwitches(network, drawing) {
  const kinds = network.kinds.filter(({ edges }) => edges);
  return el("fieldset", { class: "kinds" }, el("legend", { class: "unseen", text: "Lines" }), kinds.map(({ kind, label, chance }) => {
    const box = el("input", { type: "checkbox", checked: true, on: { change: () => drawing.showKind(kind, box.checked) } });
    return el("label", { css: { "--kind": KIND[kind].colour } }, box, el("i", { class: "swatch" }), el("span", {}, label, el("small", { class: "faint", text: chance })));
  }));
}

function componentsView(network, drawing) {
  const rows = network.components.slice(0, SHOWN_COMPONENTS).map((component, index) => el("tr", {},
    el("td", { class: "number", text: component.accounts }), el("td", { text: component.sentence }),
    el("td", {}, button("Show", () => drawing.showComponent(index), { class: "plain small", "aria-label": `Show group ${index + 1}` }))));
  const more = network.components.length - rows.length;
  const caption = more > 0 ? `Groups, the largest ${rows.length} of ${network.components.length}` : "Groups";
  return table("Groups", ["Accounts", "What joins them", unseen("Show")], rows, caption);
}

function aboutView(network) {
  const texts = [network.shows, network.does_not_show, ...network.notes, ...network.kinds.flatMap(({ left_out: out }) => out ?? [])];
  return el("section", { class: "scope" }, el("h3", { text: "What this shows, and what not" }),
    el("ul", {}, texts.filter(Boolean).map((text) => el("li", { text }))));
}
