/* A client of the Task API for pages and for Node.js, without dependencies.

   const api = new TaskApi("/api/v1", new Cookies());
   await api.signIn("ada", "analytical engine no 9");
   const task = await api.create("/tasks", { title: "Water the plants" });
   await api.patch(`/tasks/${task.id}`, { status: "done" }, task.version);
*/

import { Bearer } from "./session.js";

const STALE = new Set(["token_expired", "token_revoked", "token_invalid"]);
const BUSY = new Set([429, 503]);
const ATTEMPTS = 3;
const LONGEST_WAIT = 10;

/* An answer that is an error: go by `code`. */
export class Problem extends Error {
  name = "Problem";

  constructor(response, body) {
    super(body.detail ?? `The answer was ${response.status}.`);
    this.status = response.status;
    this.code = body.code;
    this.body = body;
    this.retryAfter = Number(response.headers.get("Retry-After")) || undefined;
  }
}

/* The session is over: ask for the password. Nothing else is a reason to. */
export class SignInNeeded extends Error {
  name = "SignInNeeded";
}

export class TaskApi {
  #base;
  #session;
  #fetch;
  #alone;
  #refreshing = null;

  constructor(base, session = new Bearer(), { fetch = globalThis.fetch.bind(globalThis), alone = oneTabAtATime } = {}) {
    this.#base = base;
    this.#session = session;
    this.#fetch = fetch;
    this.#alone = alone;
  }

  get = (path, query) => this.request("GET", query ? `${path}?${new URLSearchParams(query)}` : path);

  /* Send something new. The key makes it one thing, however often the request has to be sent. */
  create = (path, body) => this.request("POST", path, { body, headers: { "Idempotency-Key": crypto.randomUUID() } });

  /* Change something; with its version, only if nobody else has changed it since. */
  patch = (path, body, version) =>
    this.request("PATCH", path, { body, headers: version ? { "If-Match": `"${version}"` } : {} });

  delete = (path) => this.request("DELETE", path);

  /* Change the password. Every session ends, and the response brings a new one. */
  changePassword = (current_password, new_password) =>
    this.request("PUT", "/me/password", { body: { current_password, new_password } });

  async signIn(username, password) {
    await this.#send("POST", "/auth/login", { body: { username, password, ...this.#session.asks } });
  }

  async signOut() {
    try {
      await this.#send("POST", "/auth/logout", this.#session.refreshing(), true);
    } catch (error) {
      if (error.status !== 401) throw error; // it was over already
    }
    this.#session.forget();
  }

  /* Send a request; if the token is stale, refresh once for all that wait, and send it again. */
  async request(method, path, options = {}) {
    const mark = this.#session.mark;
    try {
      return await this.#authorized(method, path, options);
    } catch (error) {
      if (error.code === "token_missing") throw new SignInNeeded();
      if (!STALE.has(error.code)) throw error;
    }
    await this.#refreshOnce(mark);
    return this.#authorized(method, path, options);
  }

  #authorized(method, path, { body, headers } = {}) {
    return this.#send(method, path, { body, headers: { ...headers, ...this.#session.headers(method) } });
  }

  #refreshOnce(mark) {
    this.#refreshing ??= this.#alone(() => this.#refresh(mark)).finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #refresh(mark) {
    if (this.#session.mark !== mark) return; // done meanwhile, by another request or another tab
    try {
      await this.#send("POST", "/auth/refresh", this.#session.refreshing(), true);
    } catch (error) {
      if (error.status !== 401) throw error;
      this.#session.forget();
      throw new SignInNeeded();
    }
  }

  /* Send, and send again what may be: questions, what has a key, and a refresh, whose lost answer comes once more. */
  async #send(method, path, { body, headers = {} }, again = method === "GET" || "Idempotency-Key" in headers) {
    const json = body === undefined ? {} : { "Content-Type": "application/json" };
    const { credentials } = this.#session;
    const request = { method, credentials, headers: { ...json, ...headers }, body: JSON.stringify(body) };
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#answer(await this.#fetch(this.#base + path, request));
      } catch (error) {
        const passing = error instanceof TypeError || BUSY.has(error.status);
        if (!again || !passing || attempt === ATTEMPTS || error.retryAfter > LONGEST_WAIT) throw error;
        await wait(error.retryAfter ?? 0.2 * 2 ** attempt * (0.5 + Math.random()));
      }
    }
  }

  /* Read a response. Whatever brings tokens (a sign-in, a refresh, a new password, ending all sessions) replaces ours. */
  async #answer(response) {
    const body = response.status === 204 ? undefined : await response.json();
    if (!response.ok) throw new Problem(response, body);
    if (body?.token_type) this.#session.keep(body);
    return body;
  }
}

const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

function oneTabAtATime(work) {
  return globalThis.navigator?.locks ? navigator.locks.request("taskapi refresh", work) : work();
}
