/** Requests to the API. Cookies that no script can read carry the tokens; this file never sees one.
 *
 * An access token lives for minutes. Its end is no event for the rest of the page: `request` renews it and repeats
 * itself, asks for the password where only that helps, and then answers as if nothing had been.
 */

import { inTurn } from "./turns.js";

const BASE = new URL("api/v1", document.baseURI).pathname; // beside the page, under whatever prefix it is served
const RENEWABLE = new Set(["token_missing", "token_expired", "token_revoked", "token_invalid"]);
const MENDS = 2; // a token is renewed, and then turns out not to be fresh
const PASSING = new Set([429, 500, 502, 503, 504]);

/** What the page does where a request needs the person; each returns a promise of having done it. */
export const ask = { signIn: null, password: null };

/** An error that the server answered with (RFC 9457); `code` names it, `errors` the fields at fault. */
export class Problem extends Error {
  constructor(status, body, retryAfter = null) {
    super(body.detail ?? `The server answered ${status}.`);
    Object.assign(this, body, { status, code: body.code ?? "", retryAfter: Number(retryAfter) || 0 });
  }

  /** Whether the same request may well succeed later. */
  get passing() {
    return PASSING.has(this.status);
  }
}

/** No answer came: the network is gone, or the server. */
export class Unreachable extends Error {
  passing = true;

  retryAfter = 0;

  constructor() {
    super("The server cannot be reached.");
  }
}

/** Send a request and return `{status, data, etag}`. Raises Problem and Unreachable. */
export async function request(method, path, options = {}) {
  for (let mended = 0; ; mended += 1) {
    const csrf = cookie("csrf_access_token");
    try {
      return await send(method, path, options, csrf);
    } catch (problem) {
      if (mended === MENDS) throw problem;
      await mend(problem, csrf);
    }
  }
}

/** Send a request once, as it is. */
export async function send(method, path, { body, query, headers = {} } = {}, csrf = "") {
  const safe = method === "GET";
  const options = {
    method,
    headers: {
      ...(body ? { "Content-Type": "application/json" } : {}),
      ...(safe ? {} : { "X-CSRF-TOKEN": csrf }),
      ...headers,
    },
    body: body && JSON.stringify(body),
  };
  const answer = await fetch(address(path, query), options).catch(() => {
    throw new Unreachable();
  });
  const data = await answer.json().catch(() => null);
  if (!answer.ok) throw new Problem(answer.status, data ?? {}, answer.headers.get("Retry-After"));
  return { status: answer.status, data, etag: answer.headers.get("ETag") };
}

/** Tell whether this browser holds a session, as far as a script can see. */
export function hasSession() {
  return cookie("csrf_refresh_token") !== "";
}

/** Return the value that proves a request to come from this page; it changes with every access token. */
export function cookie(name) {
  const cookies = document.cookie.split("; ");
  const named = (start) => cookies.find((each) => each.startsWith(start));
  // A cookie that is not Secure (development over plain HTTP) has no prefix
  const found = named(`__Host-${name}=`) ?? named(`${name}=`);
  return found ? decodeURIComponent(found.slice(found.indexOf("=") + 1)) : "";
}

async function mend(problem, csrf) {
  if (problem.code === "fresh_token_required") await ask.password();
  else if (problem.code === "csrf_failed" && csrf !== cookie("csrf_access_token"))
    return; // another tab was faster
  else if (!RENEWABLE.has(problem.code)) throw problem;
  else if (!(await renewed(csrf))) await ask.signIn();
}

/** Get a new access token in place of the one that went with `csrf`, unless somebody has, in this tab or another.
 *
 * Returns false where the session is over. A refresh without an answer is no reason to sign anybody out: it raises.
 */
function renewed(csrf) {
  return inTurn("taskapi-refresh", async () => {
    if (cookie("csrf_access_token") !== csrf) return hasSession();
    if (!hasSession()) return false;
    try {
      await send("POST", "/auth/refresh", {}, cookie("csrf_refresh_token"));
      return true;
    } catch (problem) {
      if (problem.status === 401 || problem.code === "csrf_failed") return false;
      throw problem;
    }
  });
}

function address(path, query = {}) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat()) if (each !== undefined && each !== null && each !== "") asked.append(name, each);
  }
  return `${BASE}${path}${asked.size ? `?${asked}` : ""}`;
}
