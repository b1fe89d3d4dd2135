// Server-sent events over fetch, so that the key travels in a header; resumes by Last-Event-ID.

import { Problem, request } from "./api.js";

const RETRY_MS = 2000;

/** Call `onEvent(type, value)` for each event until the stream ends for good or `signal` aborts. */
export async function followEvents(path, onEvent, signal) {
  const state = { lastId: null, ended: false };
  while (!state.ended && !signal.aborted) {
    try {
      await readOnce(path, state, onEvent, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!canRetry(error)) throw error;
      onEvent("interrupted", error);
    }
    if (!state.ended) await pause(RETRY_MS, signal);
  }
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

function canRetry(error) {
  if (!(error instanceof Problem)) return error instanceof TypeError; // the stream broke off
  return error.code === "offline" || error.status === 429 || error.status >= 500;
}

async function readOnce(path, state, onEvent, signal) {
  const headers = state.lastId === null ? {} : { "Last-Event-ID": state.lastId };
  const response = await request(path, { headers, signal });
  if (response.status === 204) {
    state.ended = true;
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (buffer + value).replaceAll("\r\n", "\n").split("\n\n");
    buffer = blocks.pop();
    blocks.forEach((block) => handleBlock(block, state, onEvent));
  }
}

function handleBlock(block, state, onEvent) {
  const event = parseEvent(block);
  if (!event.data) return;
  state.lastId = event.id ?? state.lastId;
  state.ended = !["progress", "flagged_threshold"].includes(event.event);
  onEvent(event.event, JSON.parse(event.data));
}

/** The fields of one event: `id`, `event`, `data`. */
function parseEvent(block) {
  const fields = { event: "message", data: "" };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
  }
  return fields;
}
