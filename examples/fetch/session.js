/* Where the tokens of a session are kept, and what goes with a request. `mark` is another after each refresh. */

/* In memory, sent in the Authorization header: for programs, phones and command lines. */
export class Bearer {
  asks = {};
  credentials = "omit";
  #tokens = null;

  get mark() {
    return this.#tokens?.refresh_token;
  }

  /* Keep what a response brings; entering the password again brings an access token alone. */
  keep(tokens) {
    this.#tokens = { ...this.#tokens, ...tokens };
  }

  forget() {
    this.#tokens = null;
  }

  headers() {
    return this.#tokens ? { Authorization: `Bearer ${this.#tokens.access_token}` } : {};
  }

  /* What a refresh and a sign-out take. */
  refreshing() {
    return { headers: {}, body: { refresh_token: this.mark } };
  }
}

/* In HttpOnly cookies, which the browser sends by itself: for pages. A header shows that a page of yours is asking.
   Its value is read from cookies; a page on another origin than the API keeps it: `new Cookies(otherOrigin())`. */
export class Cookies {
  asks = { cookies: true };
  credentials = "include";
  #values;

  constructor(values = sameOrigin) {
    this.#values = values;
  }

  get mark() {
    return this.#values.read("csrf_refresh_token");
  }

  keep(response) {
    this.#values.keep?.(response);
  }

  forget() {
    this.#values.forget?.();
  }

  headers(method) {
    const safe = ["GET", "HEAD"].includes(method);
    return safe ? {} : { "X-CSRF-TOKEN": this.#values.read("csrf_access_token") ?? "" };
  }

  refreshing() {
    return { headers: { "X-CSRF-TOKEN": this.mark ?? "" } };
  }
}

/* The readable cookies. Over plain HTTP, in development, they have no prefix. */
const sameOrigin = { read: (name) => readCookie(`__Host-${name}`) ?? readCookie(name) };

function readCookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

/* A page on another origin cannot read the API's cookies. It keeps the values that responses bring, for all its tabs. */
export function otherOrigin(storage = localStorage) {
  const names = ["csrf_access_token", "csrf_refresh_token"];
  return {
    read: (name) => storage.getItem(name) ?? undefined,
    keep: (response) => names.forEach((name) => response[name] && storage.setItem(name, response[name])),
    forget: () => names.forEach((name) => storage.removeItem(name)),
  };
}
