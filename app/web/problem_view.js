// Every error as a card: what happened, what to do, and a button that does it.

import { Problem } from "./api.js";
import { button, el, link, show } from "./dom.js";
import { duration } from "./numbers.js";

const ADVICE = {
  offline: ["The service does not answer", "Is it running? Your pictures have not left this machine."],
  unauthorized: ["A key is needed", "Without it nothing is sent."],
  rate_limited: ["Too fast", "The service asks for a pause."],
  busy: ["Busy", "Others are being served."],
  too_large: ["Too large", "Send a smaller picture, or split the list."],
  not_an_image: ["Not a picture", "JPEG, PNG, WebP, GIF and AVIF are read."],
  fetch_failed: ["The picture could not be fetched", "Open the address yourself, or save the picture and drop it here."],
  url_blocked: ["This address may not be fetched", "Private networks are closed. Save the picture and drop it here."],
  expired: ["This list is gone", "It has expired, was erased, or belongs to another key."],
  list_without_avatars: ["No pictures in this list", "It needs a column with their addresses."],
};

/** Do `work`; what goes wrong is shown in `view` with a way to try again, unless `signal` has aborted. */
export async function attempt(view, signal, work) {
  try {
    await work();
  } catch (error) {
    if (!signal.aborted) show(view, problemCard(asProblem(error), () => attempt(view, signal, work)));
  }
}

/** `error` if it is a problem of the service's; anything else is the page's own fault and is thrown on. */
export function asProblem(error) {
  if (error instanceof Problem) return error;
  throw error;
}

/** A list that is not there has expired, was erased or is another's: the service does not say which. */
export async function ofList(work) {
  try {
    return await work();
  } catch (error) {
    throw error.status === 404 ? Object.assign(error, { code: "expired", detail: "" }) : error;
  }
}

/** `retry`: what to do again, if that may help; called by itself when the service named a time. */
export function problemCard(problem, retry = null) {
  const [title, advice] = ADVICE[problem.code] ?? [problem.title, ""];
  const detail = problem.detail && problem.code !== "offline" ? problem.detail : "";
  return el("section", { class: "problem", role: "alert", data: { code: problem.code ?? "internal" } },
    el("h2", { text: title }),
    advice && el("p", { text: advice }),
    detail && detail !== advice && el("p", { class: "faint", text: detail }),
    problem.code === "expired" ? link("Lists", "#/lists") : retry && retryButton(problem, retry),
    problem.request_id && el("p", { class: "tiny faint", text: problem.request_id }));
}

function retryButton(problem, retry) {
  const again = button("Try again", retry);
  if (problem.retryAfterS) countDown(again, problem.retryAfterS, retry);
  return again;
}

function countDown(node, seconds, retry) {
  if (!node.isConnected && node.dataset.counting) return;
  node.dataset.counting = "yes";
  node.textContent = seconds > 0 ? `Again in ${duration(seconds)}` : "Trying …";
  if (seconds <= 0) retry();
  else setTimeout(() => countDown(node, seconds - 1, retry), 1000);
}
