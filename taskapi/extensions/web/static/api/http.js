/** Requests to the API. HttpOnly cookies carry the tokens; no script can read them.
 *
 * An access token expires after minutes. `request` refreshes it and repeats the request; if necessary it asks the user
 * for the password. The caller notices none of this.
 */

import { withLock } from "./lock.js";

const BASE = new URL("api/v1", document.baseURI).pathname; // relative to the page, which may have a path prefix
const REFRESHABLE_CODES = new Set(["token_missing", "token_expired", "token_revoked", "token_invalid"]);
const MAX_RECOVERIES = 2; // a refresh, then a password for a fresh token
const RETRYABLE_STATUSES = new Set([429, 500, 502, 503, 504]);

/** How the page asks the user to sign in or to enter the password. Each function returns a promise. */
export const authPrompts = { signIn: null, password: null };

let clockDifferenceMs = 0; // the clock of the server minus that of this device

/** Return the time by the clock of the server, in milliseconds. */
export function serverNow() {
  return Date.now() + clockDifferenceMs;
}

/** An error response (RFC 9457). `code` is its identifier, `errors` has the messages by field. */
export class Problem extends Error {
  constructor(status, body, retryAfter = null) {
    super(body.detail ?? `The server responded with status ${status}.`);
    Object.assign(this, body, { status, code: body.code ?? "", retryAfter: Number(retryAfter) || 0 });
  }

  /** Whether the same request may succeed later. */
  get isRetryable() {
    return RETRYABLE_STATUSES.has(this.status);
  }
}

/** No response: the network or the server is down. */
export class Unreachable extends Error {
  isRetryable = true;

  retryAfter = 0;

  constructor() {
    super("The server cannot be reached.");
  }
}

/** Send a request and return `{status, data, etag}`. Throws Problem and Unreachable. */
export async function request(method, path, options = {}) {
  for (let recoveries = 0; ; recoveries += 1) {
    const csrf = readCookie("csrf_access_token");
    try {
      return await send(method, path, options, csrf);
    } catch (problem) {
      if (recoveries === MAX_RECOVERIES) throw problem;
      await recover(problem, csrf);
    }
  }
}

/** Send a request once, without refreshing the token. A `file` is sent as it is; `headers` has its Content-Type. */
export async function send(method, path, { body, file, query, headers = {} } = {}, csrf = "") {
  const isSafe = method === "GET";
  const options = {
    method,
    headers: {
      ...(body ? { "Content-Type": "application/json" } : {}),
      ...(isSafe ? {} : { "X-CSRF-TOKEN": csrf }),
      ...headers,
    },
    body: file ?? (body && JSON.stringify(body)),
  };
  const response = await fetch(buildUrl(path, query), options).catch(() => {
    throw new Unreachable();
  });
  const serverTime = Date.parse(response.headers.get("Date"));
  if (serverTime) clockDifferenceMs = serverTime - Date.now();
  const data = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(response.status, data ?? {}, response.headers.get("Retry-After"));
  return { status: response.status, data, etag: response.headers.get("ETag") };
}

/** Whether this browser has a session, as far as a script can see. */
export function hasSession() {
  return readCookie("csrf_refresh_token") !== "";
}

/** Return the value of a cookie. The CSRF cookie changes with every access token. */
export function readCookie(name) {
  const cookies = document.cookie.split("; ");
  const findCookie = (start) => cookies.find((each) => each.startsWith(start));
  // Without HTTPS (in development) the cookies are not Secure and have no prefix
  const found = findCookie(`__Host-${name}=`) ?? findCookie(`${name}=`);
  return found ? decodeURIComponent(found.slice(found.indexOf("=") + 1)) : "";
}

async function recover(problem, csrf) {
  if (problem.code === "fresh_token_required") await authPrompts.password();
  else if (problem.code === "csrf_failed" && csrf !== readCookie("csrf_access_token"))
    return; // another tab has refreshed the token
  else if (!REFRESHABLE_CODES.has(problem.code)) throw problem;
  else if (!(await refreshToken(csrf))) await authPrompts.signIn();
}

/** Refresh the access token that belongs to `csrf`, unless this or another tab has already refreshed it.
 *
 * Returns false if the session has ended. Throws if there is no response: that must not sign the user out.
 */
function refreshToken(csrf) {
  return withLock("taskapi-refresh", async () => {
    if (readCookie("csrf_access_token") !== csrf) return hasSession();
    if (!hasSession()) return false;
    try {
      await send("POST", "/auth/refresh", {}, readCookie("csrf_refresh_token"));
      return true;
    } catch (problem) {
      if (problem.status === 401 || problem.code === "csrf_failed") return false;
      throw problem;
    }
  });
}

/** Return a new value of Idempotency-Key, which makes a repeated request harmless. */
export function newRequestKey() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((number) => number.toString(36)).join("-");
}

/** Return the URL of a route of the API. */
export function buildUrl(path, query = {}) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat())
      if (each !== undefined && each !== null && each !== "") params.append(name, each);
  }
  return `${BASE}${path}${params.size ? `?${params}` : ""}`;
}
