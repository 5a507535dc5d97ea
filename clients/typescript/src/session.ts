/* Where a client keeps its sign-in, and what it adds to requests because of it. */

/** With `bearer`, the page holds the tokens. With `cookies`, the browser holds them, and no script can read them. */
export type Mode = "bearer" | "cookies";

/** What `localStorage` and `sessionStorage` have in common. */
export type TokenStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

type Kind = "access" | "refresh";

export class Session {
  readonly credentials: RequestCredentials;

  /** With `readsCookies`, the CSRF values come from the cookies of the page, because the API has the same origin. */
  constructor(
    readonly mode: Mode,
    readonly key: string,
    private readonly readsCookies: boolean,
    private readonly storage: TokenStorage = mode === "cookies" ? sharedStorage() : memoryStorage(),
  ) {
    this.credentials = mode === "cookies" ? "include" : "omit";
  }

  /** A value that changes with each refresh, in all tabs that share the storage. */
  get generation(): string | undefined {
    return this.#read("refresh");
  }

  /** Keep the tokens or the CSRF values of a response. Entering the password again returns only those of the access token. */
  store(response: object): void {
    const names = [this.#name("access"), this.#name("refresh")];
    const received = Object.entries(response).filter(([name]) => names.includes(name));
    this.storage.setItem(this.key, JSON.stringify({ ...this.#stored(), ...Object.fromEntries(received) }));
  }

  /** Whether another tab has refreshed since `generation`. Browsers show a tab the storage of another tab with a delay. */
  async hasChanged(generation: string | undefined, withinMs = 2000): Promise<boolean> {
    const deadline = Date.now() + withinMs;
    while (this.generation === generation && Date.now() < deadline) await new Promise((done) => setTimeout(done, 20));
    return this.generation !== generation;
  }

  clear(): void {
    this.storage.removeItem(this.key);
  }

  /** The headers of a request. A CSRF header proves to the server that a script of the page sent it. */
  headers(method: string): Record<string, string> {
    const value = this.#read("access");
    if (value === undefined) return {};
    if (this.mode === "bearer") return { Authorization: `Bearer ${value}` };
    return method === "GET" || method === "HEAD" ? {} : { "X-CSRF-TOKEN": value };
  }

  /** A request that is authorized by the refresh token: a refresh or a sign-out. */
  refreshRequest(url: string): Request {
    const value = this.generation ?? "";
    const isBearer = this.mode === "bearer";
    const headers: Record<string, string> = isBearer ? { "Content-Type": "application/json" } : { "X-CSRF-TOKEN": value };
    const body = isBearer ? JSON.stringify({ refresh_token: value }) : null;
    return new Request(url, { method: "POST", credentials: this.credentials, headers, body });
  }

  #name(kind: Kind): string {
    return this.mode === "bearer" ? `${kind}_token` : `csrf_${kind}_token`;
  }

  #read(kind: Kind): string | undefined {
    const name = this.#name(kind);
    return this.readsCookies ? (readCookie(`__Host-${name}`) ?? readCookie(name)) : this.#stored()[name];
  }

  #stored(): Record<string, string> {
    return JSON.parse(this.storage.getItem(this.key) ?? "{}") as Record<string, string>;
  }
}

function readCookie(name: string): string | undefined {
  const pair = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`));
  return pair?.slice(name.length + 1);
}

function memoryStorage(): TokenStorage {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

/* Shared by the tabs of a page. Browsers throw if the user blocks storage. */
function sharedStorage(): TokenStorage {
  try {
    return globalThis.localStorage ?? memoryStorage();
  } catch {
    return memoryStorage();
  }
}
