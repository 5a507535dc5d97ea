/* Stores the tokens of a session and adds them to requests. `generation` changes with each refresh. */

/* Tokens in memory, sent in the Authorization header: for programs, mobile apps and command lines. */
export class Bearer {
  loginOptions = {};
  credentials = "omit";
  #tokens = null;

  get generation() {
    return this.#tokens?.refresh_token;
  }

  /* Store the tokens of a response. Entering the password again returns only an access token. */
  store(tokens) {
    this.#tokens = { ...this.#tokens, ...tokens };
  }

  clear() {
    this.#tokens = null;
  }

  headers() {
    return this.#tokens ? { Authorization: `Bearer ${this.#tokens.access_token}` } : {};
  }

  /* The headers and body of a refresh or a sign-out. */
  refreshRequest() {
    return { headers: {}, body: { refresh_token: this.generation } };
  }
}

/* Tokens in HttpOnly cookies, which the browser sends automatically: for pages. A header proves that the request comes
   from your page. Its value is in a readable cookie; a page on another origin uses `new Cookies(otherOrigin())`. */
export class Cookies {
  loginOptions = { cookies: true };
  credentials = "include";
  #values;

  constructor(values = sameOrigin) {
    this.#values = values;
  }

  get generation() {
    return this.#values.read("csrf_refresh_token");
  }

  store(response) {
    this.#values.store?.(response);
  }

  clear() {
    this.#values.clear?.();
  }

  headers(method) {
    const isSafe = ["GET", "HEAD"].includes(method);
    return isSafe ? {} : { "X-CSRF-TOKEN": this.#values.read("csrf_access_token") ?? "" };
  }

  refreshRequest() {
    return { headers: { "X-CSRF-TOKEN": this.generation ?? "" } };
  }
}

/* Reads the CSRF cookies. In development over plain HTTP they have no prefix. */
const sameOrigin = { read: (name) => readCookie(`__Host-${name}`) ?? readCookie(name) };

function readCookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

/* A page on another origin cannot read the cookies of the API. This stores the values of responses for all tabs. */
export function otherOrigin(storage = localStorage) {
  const names = ["csrf_access_token", "csrf_refresh_token"];
  return {
    read: (name) => storage.getItem(name) ?? undefined,
    store: (response) => names.forEach((name) => response[name] && storage.setItem(name, response[name])),
    clear: () => names.forEach((name) => storage.removeItem(name)),
  };
}
