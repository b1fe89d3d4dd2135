// The public API and nothing else. The key lives in this module's memory and nowhere else.

let key = "";
let asking = null;
let askForKey = null;

/** What went wrong, with the service's stable `code`; `offline` where there was no answer. */
export class Problem extends Error {
  constructor(members) {
    super(members.detail || members.title);
    Object.assign(this, { code: "internal", title: "Error", detail: "", status: 0, retryAfterS: null }, members);
  }
}

/** `ask(problem)`: resolves to a key, or to nothing if none is given. */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

/** The answer to a request that succeeded. Throws `Problem`. */
export async function request(path, options = {}) {
  const response = await send(path, options);
  if (response.status !== 401 || !askForKey) return checked(response);
  const problem = await readProblem(response);
  if (!(await renewKey(problem, options))) throw problem;
  return request(path, options);
}

export async function getJson(path, options = {}) {
  return (await request(path, options)).json();
}

export async function sendJson(method, path, value, options = {}) {
  const headers = { "Content-Type": "application/json" };
  const response = await request(path, { ...options, method, headers, body: JSON.stringify(value) });
  return response.status === 204 ? null : response.json();
}

export async function getBlob(path, options = {}) {
  return (await request(path, options)).blob();
}

export function batchPath(id, ...parts) {
  return ["/v1/batches", encodeURIComponent(id), ...parts].join("/");
}

/** The service goes by the bytes anyway. */
export const pictureType = (file) => (file.type.startsWith("image/") ? file.type : "application/octet-stream");

async function send(path, options) {
  const headers = new Headers(options.headers);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  options.sentKey = key;
  try {
    return await fetch(path, { ...options, headers, credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ code: "offline", title: "No answer", detail: "The service cannot be reached." });
  }
}

async function checked(response) {
  if (response.ok || response.status === 304) return response;
  throw await readProblem(response);
}

async function readProblem(response) {
  const retry = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  const members = await response.json().catch(() => ({ title: `Status ${response.status}` }));
  return new Problem({ ...members, status: response.status, retryAfterS: Number.isNaN(retry) ? null : retry });
}

/** One question for however many requests wait; true if there is another key to try. */
async function renewKey(problem, options) {
  if (options.sentKey !== key) return true;
  asking ??= askForKey(problem).finally(() => { asking = null; });
  const answer = await asking;
  if (answer) key = answer;
  return Boolean(answer);
}
