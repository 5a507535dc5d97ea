/* What the tests of the recipes share: people, stale tokens, and a browser's cookies. */

import { createHmac, randomUUID } from "node:crypto";

export const BASE = `${process.env.ADDRESS}/api/v1`;
export const PASSWORD = "correct horse battery staple";

export async function newPerson() {
  const username = `user-${randomUUID().slice(0, 12)}`;
  const body = JSON.stringify({ username, password: PASSWORD });
  const answer = await fetch(`${BASE}/auth/register`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  if (answer.status !== 201) throw new Error(await answer.text());
  return username;
}

/* The same token, of an hour ago. */
export function expired(token) {
  const [header, payload] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  for (const name of ["iat", "nbf", "exp"]) claims[name] -= 3600;
  const text = `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
  return `${text}.${createHmac("sha256", process.env.SECRET).update(text).digest("base64url")}`;
}

/* `fetch` that counts, and may be told to lose the next answer to a path, or to hold it. */
export function watched(inner = fetch) {
  const seen = [];
  const watching = async (url, options) => {
    const path = new URL(url).pathname.replace("/api/v1", "");
    const answer = await inner(url, options);
    seen.push(`${options.method} ${path} ${answer.status}`);
    if (watching.hold?.path === path) await watching.hold.until;
    if (watching.lose === path) {
      watching.lose = null;
      throw new TypeError("fetch failed");
    }
    return answer;
  };
  return Object.assign(watching, { seen, count: (start) => seen.filter((line) => line.startsWith(start)).length });
}

/* The cookies of a browser, around `fetch`. */
export class Jar {
  cookies = new Map();

  read = (name) => this.cookies.get(name)?.value;

  values = { read: this.read };

  /* Those of the session; the device cookie stays, and lets nobody in. */
  get session() {
    return [...this.cookies.keys()].filter((name) => name !== "device");
  }

  fetch = async (url, options) => {
    const path = new URL(url).pathname;
    const sent = [...this.cookies].filter(([, cookie]) => path.startsWith(cookie.path));
    const headers = { ...options.headers, Cookie: sent.map(([name, cookie]) => `${name}=${cookie.value}`).join("; ") };
    const answer = await fetch(url, { ...options, headers });
    for (const line of answer.headers.getSetCookie()) this.keep(line);
    return answer;
  };

  keep(line) {
    const [pair, ...rest] = line.split("; ");
    const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
    const path = rest.find((item) => item.startsWith("Path=")).slice(5);
    if (rest.includes("Max-Age=0")) this.cookies.delete(name);
    else this.cookies.set(name, { value, path });
  }
}
