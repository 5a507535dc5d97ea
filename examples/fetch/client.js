/* A client of the Task API for pages and for Node.js, without dependencies.

   const api = new TaskApi("/api/v1", new Cookies());
   await api.signIn("ada", "analytical engine no 9");
   const task = await api.create("/tasks", { title: "Water the plants" });
   await api.patch(`/tasks/${task.id}`, { status: "done" }, task.version);
*/

import { Bearer } from "./session.js";

const REFRESHABLE_CODES = new Set(["token_expired", "token_revoked", "token_invalid"]);
const RETRYABLE_STATUSES = new Set([429, 503]);
const MAX_ATTEMPTS = 3;
const MAX_WAIT_SECONDS = 10;

/* An error response; `code` identifies the error. */
export class Problem extends Error {
  name = "Problem";

  constructor(response, body) {
    super(body.detail ?? `The server responded with status ${response.status}.`);
    this.status = response.status;
    this.code = body.code;
    this.body = body;
    this.retryAfter = Number(response.headers.get("Retry-After")) || undefined;
  }
}

/* The session has ended: ask for the password. No other error requires it. */
export class SignInRequired extends Error {
  name = "SignInRequired";
}

export class TaskApi {
  #base;
  #session;
  #fetch;
  #withLock;
  #refreshing = null;

  constructor(
    base,
    session = new Bearer(),
    { fetch = globalThis.fetch.bind(globalThis), withLock = withTabLock } = {},
  ) {
    this.#base = base;
    this.#session = session;
    this.#fetch = fetch;
    this.#withLock = withLock;
  }

  get = (path, query) => this.request("GET", query ? `${path}?${new URLSearchParams(query)}` : path);

  /* Create something. The key prevents duplicates when the request is repeated. */
  create = (path, body) => this.request("POST", path, { body, headers: { "Idempotency-Key": crypto.randomUUID() } });

  /* Change something; with `version`, only if nobody else has changed it since. */
  patch = (path, body, version) =>
    this.request("PATCH", path, { body, headers: version ? { "If-Match": `"${version}"` } : {} });

  delete = (path) => this.request("DELETE", path);

  /* Change the password. Every session ends, and the response starts a new one. */
  changePassword = (current_password, new_password) =>
    this.request("PUT", "/me/password", { body: { current_password, new_password } });

  async signIn(username, password) {
    await this.#send("POST", "/auth/login", { body: { username, password, ...this.#session.loginOptions } });
  }

  async signOut() {
    try {
      await this.#send("POST", "/auth/logout", this.#session.refreshRequest(), true);
    } catch (error) {
      if (error.status !== 401) throw error; // the session had already ended
    }
    this.#session.clear();
  }

  /* Send a request. If the token is no longer valid, refresh once for all waiting requests, and repeat it. */
  async request(method, path, options = {}) {
    const generation = this.#session.generation;
    try {
      return await this.#authorized(method, path, options);
    } catch (error) {
      if (error.code === "token_missing") throw new SignInRequired();
      if (!REFRESHABLE_CODES.has(error.code)) throw error;
    }
    await this.#refreshOnce(generation);
    return this.#authorized(method, path, options);
  }

  #authorized(method, path, { body, headers } = {}) {
    return this.#send(method, path, { body, headers: { ...headers, ...this.#session.headers(method) } });
  }

  #refreshOnce(generation) {
    this.#refreshing ??= this.#withLock(() => this.#refresh(generation)).finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #refresh(generation) {
    if (this.#session.generation !== generation) return; // another request or tab has refreshed
    try {
      await this.#send("POST", "/auth/refresh", this.#session.refreshRequest(), true);
    } catch (error) {
      if (error.status !== 401) throw error;
      this.#session.clear();
      throw new SignInRequired();
    }
  }

  /* Send a request. Repeat it on temporary errors if that is safe: GET, requests with a key, and a refresh. */
  async #send(method, path, { body, headers = {} }, canRetry = method === "GET" || "Idempotency-Key" in headers) {
    const json = body === undefined ? {} : { "Content-Type": "application/json" };
    const { credentials } = this.#session;
    const request = { method, credentials, headers: { ...json, ...headers }, body: JSON.stringify(body) };
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#readResponse(await this.#fetch(this.#base + path, request));
      } catch (error) {
        const isTemporary = error instanceof TypeError || RETRYABLE_STATUSES.has(error.status);
        if (!canRetry || !isTemporary || attempt === MAX_ATTEMPTS || error.retryAfter > MAX_WAIT_SECONDS) throw error;
        await wait(error.retryAfter ?? 0.2 * 2 ** attempt * (0.5 + Math.random()));
      }
    }
  }

  /* Read a response. Store its tokens, after a sign-in, a refresh, a password change, or the end of all sessions. */
  async #readResponse(response) {
    const body = response.status === 204 ? undefined : await response.json();
    if (!response.ok) throw new Problem(response, body);
    if (body?.token_type) this.#session.store(body);
    return body;
  }
}

const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

function withTabLock(work) {
  return globalThis.navigator?.locks ? navigator.locks.request("taskapi refresh", work) : work();
}
