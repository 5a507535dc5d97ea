/* Where the tokens of a session are kept, and what goes with a request. `mark` is another after each refresh. */

/* In memory, sent in the Authorization header: for programs, phones and command lines. */
export class Bearer {
  asks = {};
  #tokens = null;

  get mark() {
    return this.#tokens?.refresh_token;
  }

  keep(tokens) {
    this.#tokens = tokens;
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

/* In HttpOnly cookies, which the browser sends by itself: for pages. A header shows that a page of this site is asking. */
export class Cookies {
  asks = { cookies: true };
  #read;

  constructor(read = readCookie) {
    this.#read = read;
  }

  get mark() {
    return this.#read("csrf_refresh_token");
  }

  keep() {}

  forget() {}

  headers(method) {
    const safe = ["GET", "HEAD"].includes(method);
    return safe ? {} : { "X-CSRF-TOKEN": this.#read("csrf_access_token") ?? "" };
  }

  refreshing() {
    return { headers: { "X-CSRF-TOKEN": this.mark ?? "" } };
  }
}

function readCookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}
