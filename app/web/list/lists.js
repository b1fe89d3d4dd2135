// The list of lists: what is kept, for how long, and how to erase it.

import { batchPath, getJson, request } from "../api.js";
import { confirmDialog } from "../dialogs.js";
import { announce, button, el, link, show, table, unseen } from "../dom.js";
import { count, date, duration } from "../numbers.js";
import { attempt } from "../problem_view.js";
import { words } from "../words.js";

const PAGE = 50;

export function showLists(view, signal) {
  return attempt(view, signal, async () => show(view, listsView(await getJson(`/v1/batches?limit=${PAGE}`, { signal }), signal)));
}

function listsView(page, signal) {
  const root = el("section", { class: "lists" }, el("h1", { tabindex: -1, text: "Lists" }));
  if (!page.data.length) {
    root.append(el("p", { class: "empty" }, "No list yet. ", link("Drop one", "#/"), "."));
    return root;
  }
  root.append(
    el("p", { class: "faint", text: "Everything that this service keeps for you. Each list is erased by itself when its time is over." }),
    table("Lists", ["Name", "Pictures", "Flagged", "State", "Sent", "Erased in", unseen("Erase")], page.data.map((batch) => rowView(batch, signal))));
  root.append(moreButton(page, root.querySelector("tbody"), signal) ?? "");
  return root;
}

function rowView(batch, signal) {
  const name = batch.title || batch.id;
  const row = el("tr", {},
    el("th", { scope: "row" }, link(name, `#/lists/${batch.id}`)),
    el("td", { class: "number", text: count(batch.request_counts.total) }),
    el("td", { class: "number", text: count(batch.verdicts.likely_stylegan ?? 0) }),
    el("td", { text: words(batch.status) }), el("td", { text: date(batch.created_at) }),
    el("td", { text: batch.expires_at ? duration((new Date(batch.expires_at) - Date.now()) / 1000) : "" }),
    el("td", {}, button("Erase", () => erase(batch, name, row, signal), { class: "plain small danger", "aria-label": `Erase ${name}` })));
  return row;
}

async function erase(batch, name, row, signal) {
  const text = `${count(batch.request_counts.total)} results, thumbnails and decisions are erased for good.`;
  if (!(await confirmDialog(`Erase “${name}”?`, text, "Erase"))) return;
  const cell = el("td", { colspan: 7 });
  await attempt(cell, signal, async () => {
    show(row, cell);
    await request(batchPath(batch.id), { method: "DELETE" });
    row.remove();
    announce(`${name} is erased`);
  });
}

function moreButton(page, body, signal) {
  if (!page.has_more) return null;
  const node = button("More", async () => {
    const next = await getJson(`/v1/batches?limit=${PAGE}&cursor=${encodeURIComponent(page.next_cursor)}`, { signal });
    body.append(...next.data.map((batch) => rowView(batch, signal)));
    node.replaceWith(moreButton(next, body, signal) ?? "");
  });
  return node;
}
