// api.js - the one way to the server. Addresses are relative to the page, so that a base path of a proxy just works.
//
//   await get("artifacts", {job, limit})     the document
//   await send("POST", "artifacts/ID/pin", {reason})
// What goes wrong is a Problem: what the server's problem document says, in the words of the command line.

export class Problem extends Error {
  constructor(message, { kind = "", hint = "", status = 0, document = {} } = {}) {
    super(message);
    Object.assign(this, { kind, hint, status, document });
  }
  get offline() { return this.status === 0; }
}

// What all pages know of who is logged in; filled by `session`.
export const me = { authenticated: false, setup: false, editable: false, csrf: null, version: "", scopes: [] };
export const may = (scope) => me.scopes.length === 0 || me.scopes.includes(scope) || me.scopes.includes("admin");

const listeners = { unauthorized: () => {}, reachable: () => {} };
export const on = (what, call) => { listeners[what] = call; };

// Without what is empty: "?job=" would ask for a job without a name.
export function query(parameters) {
  const pairs = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters ?? {}))
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== undefined && one !== null && one !== "" && one !== false) pairs.append(key, one === true ? "true" : one);
  const text = pairs.toString();
  return text ? `?${text}` : "";
}

async function problemOf(response) {
  const document = await response.json().catch(() => ({}));
  const inner = document.error ?? document;
  const text = inner.detail ?? inner.message ?? inner.title ?? `the server answered ${response.status}`;
  return new Problem(text, { kind: inner.kind ?? "", hint: inner.hint ?? "", status: response.status, document });
}

async function call(method, path, body, headers = {}) {
  let response;
  try {
    response = await fetch(`api/v1/${path}`, {
      method, credentials: "same-origin", cache: "no-store",
      headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(method === "GET" || !me.csrf ? {} : { "x-csrf-token": me.csrf }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    listeners.reachable(false);
    throw new Problem("pgkeep does not answer", { hint: "Is `pgkeep serve` running, and the network there? This page tries again by itself." });
  }
  listeners.reachable(true);
  if (response.ok) {
    const text = await response.text();
    return { document: text ? JSON.parse(text) : {}, etag: response.headers.get("etag"), status: response.status };
  }
  const problem = await problemOf(response);
  problem.retryAfter = Number(response.headers.get("retry-after")) || 0;
  if (response.status === 401 && !path.startsWith("session")) listeners.unauthorized();
  throw problem;
}

export const get = async (path, parameters) => (await call("GET", path + query(parameters))).document;
// With the ETag that an edit names again, so that two people cannot overwrite each other unseen.
export const getTagged = (path) => call("GET", path);
export const send = async (method, path, body, headers) => (await call(method, path, body, headers)).document;
// A creation that is sent twice (a double click, a lost answer) happens once.
export const create = (path, body) => send("POST", path, body, { "idempotency-key": crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` });

// Everything that a name of a user's may be, as one segment of a path.
export const segment = (name) => encodeURIComponent(name);

export async function session() {
  const document = await get("session");
  Object.assign(me, { scopes: [] }, document);
  return me;
}
