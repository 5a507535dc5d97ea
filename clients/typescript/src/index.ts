/* A client of the Task API: the typed requests of openapi-fetch, with sign-in, refresh, retries, pages and conflicts. */

import createClient, { type Client } from "openapi-fetch";

import { ProblemError, SecondFactorRequired, unwrap } from "./problem.js";
import { deliver } from "./retry.js";
import { idempotentPaths, type components, type paths } from "./schema.js";
import { Session, type Mode, type TokenStorage } from "./session.js";
import { followChanges, type FollowOptions } from "./updates.js";
import type { Items, ListPath, ListQuery, Update, UpdatePath, UpdateResult } from "./types.js";

export type { components, paths, FollowOptions, Mode, TokenStorage, UpdateResult };
export { ProblemError, SecondFactorRequired, unwrap };
export type Schemas = components["schemas"];

export interface Options {
  /** The origin of the API, with its path prefix if it has one. Empty: the origin of the page. */
  baseUrl?: string;
  mode?: Mode;
  /** Where to keep the tokens (bearer) or the CSRF values (cookies). Default: memory, and `localStorage`. */
  storage?: TokenStorage;
  fetch?: (request: Request) => Promise<Response>;
  /** Called when a session has ended and the user must enter the password again. */
  onSignedOut?: () => void;
}

export interface TaskApi extends Client<paths> {
  /** Throws `SecondFactorRequired` if the user has a second factor. */
  login(credentials: { username: string; password: string }): Promise<void>;
  /** Finish the sign-in of a user with a second factor, with a code of the application or a recovery code. */
  loginWithCode(answer: { challenge: string; code: string }): Promise<void>;
  /** Sign in with a passkey, in a browser. Throws what `navigator.credentials.get` throws. */
  loginWithPasskey(): Promise<void>;
  /** Add a passkey to the account of the user, in a browser. It needs a fresh token. */
  addPasskey(name: string): Promise<void>;
  logout(): Promise<void>;
  /** End all sessions of the user, on all devices. */
  logoutEverywhere(): Promise<void>;
  isSignedIn(): boolean;
  /** All items of a list. The next page is requested when the loop reaches it. */
  items<P extends ListPath>(path: P, query?: ListQuery<P>): AsyncGenerator<Items<P>[number], void>;
  /**
   * The cursor of the last change: at once if it is not `since`, and then after each change. Pass the cursor of your copy.
   * Cursors arrive by the stream of the server, or by polling while it has no stream to give.
   */
  followChanges(since?: string, options?: FollowOptions): AsyncGenerator<string, void>;
  /** Change something, unless it has changed since `version`. */
  update<P extends UpdatePath>(path: P, update: Update<P>): Promise<UpdateResult<P>>;
}

const SIGN_IN_PATHS =
  /\/(auth\/(login|passkeys|second-factor|sessions|verify-password)|me\/(password|second-factor\/(confirm|disable)))$/;
const REFRESHABLE_CODES = new Set(["token_missing", "token_expired", "token_revoked", "token_invalid", "csrf_failed"]);

export function createTaskApi(options: Options = {}): TaskApi {
  const { baseUrl = "", mode = "bearer", fetch = (request) => globalThis.fetch(request), onSignedOut } = options;
  const base = baseUrl.replace(/\/$/, "");
  const session = new Session(mode, `taskapi ${base}`, mode === "cookies" && isSameOrigin(base), options.storage);
  let refreshing: Promise<Response> | undefined;

  /* Send a request. If its token is no longer valid, refresh once for all waiting requests, and send it again. */
  async function send(request: Request): Promise<Response> {
    const generation = session.generation;
    const response = await deliver(fetch, authorize(request));
    if (response.ok && SIGN_IN_PATHS.test(new URL(request.url).pathname)) await storeTokens(response);
    if (![401, 403].includes(response.status) || !REFRESHABLE_CODES.has(await codeOf(response))) return response;
    refreshing ??= withLock((waited) => refresh(generation, response, waited)).finally(() => (refreshing = undefined));
    const refreshed = await refreshing;
    return refreshed.ok ? deliver(fetch, authorize(request)) : refreshed.clone();
  }

  function authorize(request: Request): Request {
    const copy = request.clone();
    for (const [name, value] of Object.entries(session.headers(request.method))) copy.headers.set(name, value);
    return copy;
  }

  /* Replace the tokens, unless another request or tab has done so while this one waited for the lock. */
  async function refresh(generation: string | undefined, rejected: Response, waited: boolean): Promise<Response> {
    if (waited) await session.hasChanged(generation, 500);
    const current = session.generation;
    if (current !== undefined && current !== generation) return new Response();
    const url = `${base}/api/v1/auth/refresh`;
    const response = current === undefined ? rejected : await deliver(fetch, session.refreshRequest(url), true);
    if (response.ok) await storeTokens(response);
    // The cookies are already those of another tab's refresh; its CSRF values are about to arrive
    if (response.status === 403 && (await session.hasChanged(generation))) return new Response();
    if (response.status === 401) {
      session.clear();
      onSignedOut?.();
    }
    return response;
  }

  async function storeTokens(response: Response): Promise<void> {
    if (response.status === 204) return;
    const body = (await response.clone().json()) as object;
    if ("token_type" in body) session.store(body);
  }

  /* Tabs with the same session wait for each other where the browser has Web Locks: on HTTPS and on localhost. */
  async function withLock<T>(work: (waited: boolean) => Promise<T>): Promise<T> {
    const locks = globalThis.navigator?.locks as LockManager | undefined;
    if (!locks) return work(false);
    const { held = [] } = await locks.query();
    const waited = held.some(({ name }) => name === session.key);
    return (await locks.request(session.key, () => work(waited))) as T;
  }

  const client = createClient<paths>({
    baseUrl: base,
    fetch: send,
    credentials: session.credentials,
    bodySerializer: serialize,
  });
  client.use({
    onRequest({ request, schemaPath }) {
      const isKeyed = request.method === "POST" && idempotentPaths.has(schemaPath);
      if (isKeyed && !request.headers.has("Idempotency-Key")) request.headers.set("Idempotency-Key", randomKey());
    },
    /* Let the data of a response that is not JSON, such as an exported CSV, be its text. openapi-fetch parses JSON. */
    async onResponse({ response, options }) {
      const type = response.headers.get("Content-Type") ?? "json"; // without a body, there is none
      const isText = response.ok && options.parseAs === "json" && !type.includes("json");
      return isText ? new Response(JSON.stringify(await response.text()), response) : undefined;
    },
  });

  /* Send a body to a path of an extension: the types are without it if the server is. */
  async function post<T>(path: string, body?: object): Promise<T> {
    return (await unwrap(client.request("post", path as never, { body } as never))) as T;
  }

  return Object.assign(client, {
    async login(credentials: { username: string; password: string }) {
      await unwrap(client.POST("/api/v1/auth/login", { body: { ...credentials, cookies: mode === "cookies" } }));
    },

    async loginWithCode(answer: { challenge: string; code: string }) {
      await post("/api/v1/auth/second-factor", { ...answer, cookies: mode === "cookies" });
    },

    async loginWithPasskey() {
      const path = "/api/v1/auth/passkeys";
      const { options } = await post<{ options: PublicKeyCredentialRequestOptionsJSON }>(`${path}/options`);
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
      const credential = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential;
      await post(path, { credential: credential.toJSON() as unknown, cookies: mode === "cookies" });
    },

    async addPasskey(name: string) {
      const path = "/api/v1/me/passkeys";
      const { options } = await post<{ options: PublicKeyCredentialCreationOptionsJSON }>(`${path}/options`);
      const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
      const credential = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential;
      await post(path, { name, credential: credential.toJSON() as unknown });
    },

    async logout() {
      if (mode === "bearer" && session.generation === undefined) return; // it has no session to end
      await withLock(async () => {
        const response = await deliver(fetch, session.refreshRequest(`${base}/api/v1/auth/logout`));
        // 401: the session had ended already
        if (!response.ok && response.status !== 401) throw new ProblemError(await response.json(), response);
        session.clear();
      });
    },

    async logoutEverywhere() {
      await unwrap(client.DELETE("/api/v1/auth/sessions", { params: { query: { include_current: true } } }));
      session.clear();
    },

    isSignedIn: () => session.generation !== undefined,

    async *items<P extends ListPath>(path: P, query?: ListQuery<P>): AsyncGenerator<Items<P>[number], void> {
      let cursor: string | null | undefined;
      do {
        const params = { query: { ...query, ...(cursor && { cursor }) } };
        const page = (await unwrap(client.request("get", path, { params } as never))) as Page<Items<P>>;
        yield* page.items;
        cursor = page.next_cursor;
      } while (cursor);
    },

    followChanges: (since = "now", options = {}) => followChanges(client, since, options),

    async update<P extends UpdatePath>(path: P, { version, body, ...params }: Update<P>): Promise<UpdateResult<P>> {
      const init = { params, body, headers: { "If-Match": `"${version}"` } };
      const { data, error, response } = await client.request("patch", path, init as never);
      if (response.status === 412) return { conflict: true, current: (error as { current: never }).current };
      if (!response.ok) throw new ProblemError(error, response);
      return { conflict: false, saved: data as never };
    },
  });
}

interface Page<Items> {
  items: Items;
  next_cursor: string | null;
}

function isSameOrigin(base: string): boolean {
  const page = globalThis.location as Location | undefined;
  return page !== undefined && new URL(base, page.href).origin === page.origin;
}

/* A body with a file is sent as a form, every other one as JSON. */
function serialize(body: object | undefined): string | FormData {
  if (body instanceof FormData) return body;
  const members = Object.entries(body ?? {});
  if (!members.some(([, value]) => value instanceof Blob)) return JSON.stringify(body);
  const form = new FormData();
  for (const [name, value] of members) form.append(name, value as Blob | string);
  return form;
}

async function codeOf(response: Response): Promise<string> {
  const body = (await response.clone().json().catch(() => ({}))) as { code?: string };
  return body.code ?? "";
}

/* `crypto.randomUUID` is missing on pages that are served over plain HTTP from another host than localhost. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
}
