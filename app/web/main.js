// Where everything comes together: routes in the URL's fragment, and what is dropped or pasted.

import { onKeyNeeded } from "./api.js";
import { askKey, helpDialog } from "./dialogs.js";
import { el, show } from "./dom.js";
import { listenForInput } from "./intake/drop.js";
import { readFiles } from "./intake/files.js";
import { prepareStart } from "./intake/start.js";
import { showList } from "./list/view.js";
import { showNetwork } from "./network/view.js";
import { showLists } from "./list/lists.js";
import { showPreview } from "./list/preview.js";
import { showOne } from "./one.js";
import { attempt } from "./problem_view.js";

const view = document.getElementById("view");
const start = document.getElementById("start");
let leave = new AbortController();

/** Leave what is shown; `signal` of the new view aborts when it is left. */
function enter(name) {
  leave.abort();
  leave = new AbortController();
  document.body.dataset.view = name;
  document.querySelectorAll("nav a").forEach((anchor) => {
    const current = anchor.hash === (name === "start" || name === "one" ? "#/" : "#/lists");
    if (current) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  });
  window.scrollTo(0, 0);
  return leave.signal;
}

/** `#/`, `#/lists`, `#/lists/batch_…`, `#/lists/batch_…/network`. */
function route() {
  const [, first, id, part] = location.hash.split("/");
  if (first !== "lists") showStart();
  else if (!id) showLists(view, enter("lists"));
  else if (part === "network") showNetwork(view, decodeURIComponent(id), enter("network"));
  else showList(view, decodeURIComponent(id), enter("list"));
}

function showStart() {
  enter("start");
  show(view, start);
}

function take(named) {
  const progress = el("p", { class: "faint waiting-note", role: "status", text: "Reading …" });
  attempt(view, enter("one"), async () => {
    show(view, progress);
    takeSource(await readFiles(named, (n) => { progress.textContent = `Reading ${n} of ${named.length} …`; }));
  });
}

function takeSource(source) {
  if (location.hash !== "#/") history.pushState(null, "", "#/");
  if (source.kind === "list") showPreview(view, source, enter("preview"));
  else showOne(view, source, enter("one"));
}

onKeyNeeded(askKey);
prepareStart(start, take, takeSource);
listenForInput(take, takeSource);
document.getElementById("help").addEventListener("click", helpDialog);
window.addEventListener("popstate", route);
route();
