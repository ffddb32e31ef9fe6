// Requests to the server. A request has a time limit; what a mistake was is in the error's message and status.

let csrf = "";
const TIME_LIMIT = 20_000; // milliseconds

/** An answer of the server that is no success; `status` 0: the server did not answer. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(TIME_LIMIT) });
  } catch {
    throw new Refused("The server does not answer.", 0);
  }
  let content;
  try {
    content = await response.json();
  } catch (error) {
    // A reply that broke off counts as none: the request is repeated with its key.
    throw new Refused("The reply of the server cannot be read.", response.ok ? 0 : response.status);
  }
  if (!response.ok) throw new Refused(content?.error ?? `Error ${response.status}`, response.status);
  return content;
}

/** Returns the reply to GET `path` with the parameters given. */
export async function get(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== ""));
  const reply = await request(`${path}${query.size ? `?${query}` : ""}`, {});
  if (path === "/api/state") csrf = reply.csrf;
  return reply;
}

/** Returns the reply to POST `path`. After a 403 the CSRF token is read anew, once. */
export async function post(path, body) {
  const send = () =>
    request(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Alframe-CSRF": csrf },
      body: JSON.stringify(body),
    });
  try {
    return await send();
  } catch (error) {
    if (error.status !== 403) throw error;
    await get("/api/state");
    return send();
  }
}

/** Returns a random UUID that makes a request unique; `crypto.randomUUID` needs https beyond this machine. */
export function requestKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
