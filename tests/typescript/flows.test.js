import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { ProblemError, createTaskApi, unwrap } from "taskapi-client";
import { Jar, PASSWORD, expired, newPerson, watched } from "./support.js";

const { ADDRESS } = process.env;
const TASK = "/api/v1/tasks/{task_id}";

/* The requests of the client, as the support functions expect them. */
const adapt = (fetch) => async (request) => {
  const { url, method, headers } = request;
  return fetch(url, { method, headers: Object.fromEntries(headers), body: (await request.text()) || undefined });
};

/* A storage like localStorage. */
function newStorage() {
  const values = new Map();
  return {
    values,
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => values.set(key, value),
    removeItem: (key) => values.delete(key),
  };
}

/* A client whose user is signed in, and what it has sent. */
async function signedIn(options = {}) {
  const sent = watched();
  const storage = newStorage();
  const state = { signedOut: 0 };
  const onSignedOut = () => state.signedOut++;
  const api = createTaskApi({ baseUrl: ADDRESS, storage, fetch: adapt(sent), onSignedOut, ...options });
  const username = await newPerson();
  await api.login({ username, password: PASSWORD });
  const tokens = () => JSON.parse([...storage.values.values()][0]);
  const expire = () => {
    const [key] = storage.values.keys();
    storage.setItem(key, JSON.stringify({ ...tokens(), access_token: expired(tokens().access_token) }));
  };
  return { api, sent, storage, state, username, tokens, expire };
}

async function signedInByCookies() {
  const jar = new Jar();
  const sent = watched(jar.fetch);
  const storage = newStorage();
  const api = createTaskApi({ baseUrl: ADDRESS, mode: "cookies", storage, fetch: adapt(sent) });
  await api.login({ username: await newPerson(), password: PASSWORD });
  const expire = () => {
    const cookie = jar.cookies.get("access_token");
    cookie.value = expired(cookie.value);
  };
  return { api, jar, sent, storage, expire };
}

const list = (api) => unwrap(api.GET("/api/v1/tasks"));
const create = (api, title) => unwrap(api.POST("/api/v1/tasks", { body: { title } }));

test("twenty requests with an expired token make one refresh", async () => {
  const { api, sent, expire } = await signedIn();
  expire();
  await Promise.all(Array.from({ length: 20 }, () => list(api)));
  assert.equal(sent.count("POST /auth/refresh"), 1);
  assert.equal(sent.count("GET /tasks 401"), 20);
  assert.equal(sent.count("GET /tasks 200"), 20);
});

test("a late 401 does not refresh again", async () => {
  const { api, sent, expire } = await signedIn();
  expire();
  let release;
  sent.hold = { path: "/me", until: new Promise((done) => (release = done)) };
  const late = unwrap(api.GET("/api/v1/me"));
  await list(api);
  release();
  await late;
  assert.equal(sent.count("GET /me 401"), 1);
  assert.equal(sent.count("POST /auth/refresh"), 1);
});

test("a rejected refresh signs out once for all waiting requests", async () => {
  const { api, sent, state, tokens, expire } = await signedIn();
  const refresh = async (refresh_token) => {
    const body = JSON.stringify({ refresh_token });
    const headers = { "Content-Type": "application/json" };
    return (await fetch(`${ADDRESS}/api/v1/auth/refresh`, { method: "POST", headers, body })).json();
  };
  await refresh((await refresh(tokens().refresh_token)).refresh_token); // the stolen token is spent, and its successor
  expire();
  const results = await Promise.all([api.GET("/api/v1/tasks"), api.GET("/api/v1/me")]);
  assert.deepEqual(results.map(({ response, error }) => [response.status, error.status]), [[401, 401], [401, 401]]);
  assert.deepEqual([state.signedOut, api.isSignedIn()], [1, false]);
  assert.equal(sent.count("POST /auth/refresh"), 1);
});

test("a refresh is repeated when its response is lost", async () => {
  const { api, sent, expire } = await signedIn();
  expire();
  sent.lose = "/auth/refresh";
  assert.deepEqual((await list(api)).items, []);
  assert.equal(sent.count("POST /auth/refresh 200"), 2);
});

test("a task is created once when the response is lost", async () => {
  const { api, sent } = await signedIn();
  sent.lose = "/tasks";
  const task = await create(api, "Once");
  assert.equal(sent.count("POST /tasks 201"), 2);
  assert.deepEqual((await list(api)).items.map(({ id }) => id), [task.id]);
});

test("a change is not repeated when its response is lost", async () => {
  const { api, sent } = await signedIn();
  const task = await create(api, "Water the plants");
  sent.lose = `/tasks/${task.id}`;
  const params = { path: { task_id: task.id } };
  await assert.rejects(api.PATCH(TASK, { params, body: { title: "Rain" } }), TypeError);
  assert.equal(sent.count("PATCH"), 1);
});

test("a request that the server asks to send again is repeated after Retry-After", async () => {
  const statuses = [409, 503];
  const busy = async (request) => {
    const status = statuses.shift();
    if (!status) return fetch(request);
    return Response.json({ code: "unavailable", status }, { status, headers: { "Retry-After": "1" } });
  };
  const { api } = await signedIn();
  const username = await newPerson();
  await api.login({ username, password: PASSWORD });
  const waiting = createTaskApi({ baseUrl: ADDRESS, fetch: (request) => (request.method === "GET" ? busy(request) : fetch(request)) });
  await waiting.login({ username, password: PASSWORD });
  assert.deepEqual((await list(waiting)).items, []);
  assert.deepEqual(statuses, []);
});

test("a request that is aborted while it waits is not repeated", async () => {
  const controller = new AbortController();
  const { api } = await signedIn();
  let calls = 0;
  const offline = createTaskApi({
    baseUrl: ADDRESS,
    fetch: async () => {
      calls++;
      controller.abort();
      throw new TypeError("fetch failed");
    },
  });
  await assert.rejects(offline.GET("/api/v1/tasks", { signal: controller.signal }), { name: "AbortError" });
  assert.equal(calls, 1);
  assert.ok(api.isSignedIn());
});

test("a list is read to its end, page by page", async () => {
  const { api, sent } = await signedIn();
  const made = [];
  for (let number = 0; number < 5; number++) made.push((await create(api, `Task ${number}`)).id);
  const found = [];
  for await (const task of api.items("/api/v1/tasks", { limit: 2, sort: "created_at" })) found.push(task.id);
  assert.deepEqual(found, made);
  assert.equal(sent.count("GET /tasks"), 3);
  for await (const task of api.items("/api/v1/tasks", { limit: 2, sort: "created_at" })) if (task.id === made[1]) break;
  assert.equal(sent.count("GET /tasks"), 4);
});

test("an outdated change returns the current task", async () => {
  const { api } = await signedIn();
  const task = await create(api, "Water the plants");
  const change = (body) => api.update(TASK, { path: { task_id: task.id }, body, version: task.version });
  const first = await change({ status: "done" });
  assert.deepEqual([first.conflict, first.saved.status], [false, "done"]);
  const second = await change({ title: "Rain" });
  assert.deepEqual([second.conflict, second.current], [true, first.saved]);
});

test("another error of a change is thrown", async () => {
  const { api } = await signedIn();
  const task = await create(api, "Water the plants");
  const change = api.update(TASK, { path: { task_id: task.id }, body: { title: "" }, version: task.version });
  await assert.rejects(change, (error) => error instanceof ProblemError && error.code === "validation_failed");
});

test("a wrong password is an error and no refresh", async () => {
  const { api, sent, state, username } = await signedIn();
  await assert.rejects(api.login({ username, password: "wrong" }), { status: 401, code: "invalid_credentials" });
  assert.deepEqual([sent.count("POST /auth/refresh"), state.signedOut, api.isSignedIn()], [0, 0, true]);
});

test("a page of a proxy is an error without a code", async () => {
  const fetch = async () => new Response("<h1>Bad Gateway</h1>", { status: 500, headers: { "Content-Type": "text/html" } });
  const api = createTaskApi({ baseUrl: ADDRESS, fetch });
  await assert.rejects(list(api), { status: 500, code: undefined, message: "The server responded with status 500." });
});

test("an unreachable service signs nobody out", async () => {
  const { api, sent, state, storage, expire } = await signedIn();
  expire();
  const key = `taskapi ${ADDRESS}`;
  const down = createTaskApi({ baseUrl: "http://127.0.0.1:9", storage: { ...storage, getItem: () => storage.getItem(key) } });
  await assert.rejects(list(down), TypeError);
  assert.deepEqual([(await list(api)).items, state.signedOut], [[], 0]);
  assert.equal(sent.count("POST /auth/refresh"), 1);
});

test("the tokens of a password change are stored", async () => {
  const { api, sent, tokens, expire } = await signedIn();
  const before = tokens();
  const body = { current_password: PASSWORD, new_password: "another long and odd sentence" };
  await unwrap(api.PUT("/api/v1/me/password", { body }));
  assert.notEqual(tokens().refresh_token, before.refresh_token);
  expire();
  await create(api, "Water the plants");
  await unwrap(api.DELETE("/api/v1/auth/sessions"));
  await create(api, "Feed the cat");
  assert.equal(sent.count("POST /auth/refresh"), 1);
});

test("entering the password again keeps the refresh token", async () => {
  const { api, tokens } = await signedIn();
  const before = tokens();
  await unwrap(api.POST("/api/v1/auth/verify-password", { body: { password: PASSWORD } }));
  assert.notEqual(tokens().access_token, before.access_token);
  assert.equal(tokens().refresh_token, before.refresh_token);
});

test("a client with the same storage is signed in", async () => {
  const { storage } = await signedIn();
  const next = createTaskApi({ baseUrl: ADDRESS, storage });
  assert.ok(next.isSignedIn());
  assert.deepEqual((await list(next)).items, []);
});

test("without a storage the tokens are in memory", async () => {
  const api = createTaskApi({ baseUrl: `${ADDRESS}/` });
  await api.login({ username: await newPerson(), password: PASSWORD });
  assert.deepEqual((await list(api)).items, []);
  assert.equal(createTaskApi({ baseUrl: ADDRESS }).isSignedIn(), false);
});

test("signing out ends the session", async () => {
  const { api, state, storage, tokens } = await signedIn();
  const { access_token } = tokens();
  await api.logout();
  assert.deepEqual([storage.values.size, state.signedOut], [0, 0]);
  const response = await fetch(`${ADDRESS}/api/v1/me`, { headers: { Authorization: `Bearer ${access_token}` } });
  assert.equal((await response.json()).code, "token_revoked");
  await assert.rejects(list(api), { code: "token_missing" });
  assert.equal(state.signedOut, 1);
});

test("signing out without a session does nothing", async () => {
  const { api, sent } = await signedIn();
  await api.logout();
  await api.logout();
  assert.equal(sent.count("POST /auth/logout"), 1);
  assert.equal(api.isSignedIn(), false);
});

test("a file is sent as a form, and an exported one is text", async () => {
  const { api } = await signedIn();
  const body = { file: new Blob(["title\nWater the plants\n"], { type: "text/csv" }) };
  const imported = await unwrap(api.POST("/api/v1/tasks/import.csv", { body }));
  assert.equal(imported.created, 1);
  const form = new FormData();
  form.append("file", new Blob(["title\nFeed the cat\n"]), "tasks.csv");
  await unwrap(api.POST("/api/v1/tasks/import.csv", { body: form }));
  const { data, response } = await api.GET("/api/v1/tasks/export.csv");
  assert.match(data, /^id,title,.*Water the plants.*Feed the cat/s);
  assert.match(response.headers.get("Content-Disposition"), /tasks\.csv/);
  const calendar = await unwrap(api.GET("/api/v1/tasks/export.ics", { parseAs: "blob" }));
  assert.match(await calendar.text(), /^BEGIN:VCALENDAR/);
});

test("signing out everywhere ends the other sessions", async () => {
  const { api, username } = await signedIn();
  let signedOut = 0;
  const other = createTaskApi({ baseUrl: ADDRESS, onSignedOut: () => signedOut++ });
  await other.login({ username, password: PASSWORD });
  await api.logoutEverywhere();
  assert.equal(api.isSignedIn(), false);
  await assert.rejects(list(other), { status: 401 });
  assert.deepEqual([other.isSignedIn(), signedOut], [false, 1]);
});

test("with cookies twenty changes with an expired token make one refresh", async () => {
  const { api, sent, expire } = await signedInByCookies();
  expire();
  await Promise.all(Array.from({ length: 20 }, (_, number) => create(api, `Task ${number}`)));
  assert.equal(sent.count("POST /auth/refresh"), 1);
  assert.equal((await unwrap(api.GET("/api/v1/tasks", { params: { query: { limit: 100 } } }))).items.length, 20);
});

test("with cookies the page stores the csrf values and no token", async () => {
  const { api, jar, storage } = await signedInByCookies();
  const [stored] = storage.values.values();
  assert.deepEqual(Object.keys(JSON.parse(stored)).sort(), ["csrf_access_token", "csrf_refresh_token"]);
  await unwrap(api.POST("/api/v1/auth/verify-password", { body: { password: PASSWORD } }));
  await create(api, "Water the plants");
  await api.logout();
  assert.deepEqual([jar.session, storage.values.size], [[], 0]);
});

test("with cookies a csrf value that another tab has replaced is renewed", async () => {
  const { api, storage } = await signedInByCookies();
  const [[key, stored]] = storage.values.entries();
  storage.setItem(key, JSON.stringify({ ...JSON.parse(stored), csrf_access_token: "outdated" }));
  await create(api, "Water the plants");
  assert.equal((await list(api)).items.length, 1);
});

test("with cookies signing out everywhere takes the cookies back", async () => {
  const { api, jar } = await signedInByCookies();
  await api.logoutEverywhere();
  assert.deepEqual([jar.session, api.isSignedIn()], [[], false]);
});

test("changes are followed by the stream, and polled while there is none", async () => {
  let isRefused = false;
  const refusal = () => new Response('{"code":"stream_unavailable"}', { status: 503, headers: { "Retry-After": "60" } });
  const fetch = (request) => (isRefused && request.url.includes("/stream") ? refusal() : globalThis.fetch(request));
  const api = createTaskApi({ baseUrl: ADDRESS, fetch });
  await api.login({ username: await newPerson(), password: PASSWORD });
  const hasStream = (await api.GET("/api/v1/changes/stream", { parseAs: "text" })).response.ok;
  if (!hasStream) return; // an extension, which may be removed
  const copy = [];
  for await (const cursor of api.followChanges("now", { pollMs: 60_000 })) {
    if (copy.push(cursor) === 1) setTimeout(() => create(api, "One"), 300);
    else break;
  }
  assert.notEqual(copy[0], copy[1]);
  isRefused = true;
  const abort = new AbortController();
  for await (const cursor of api.followChanges(copy[0], { pollMs: 50, signal: abort.signal })) {
    copy.push(cursor);
    if (copy.length === 3) await create(api, "Two");
    else abort.abort();
  }
  assert.equal(copy[2], copy[1]);
  assert.notEqual(copy[3], copy[2]);
});

/* Follow changes without a stream, until the loop waits for its next poll; returns the cursors and the next one. */
async function polling(options = {}) {
  const fetch = (request) => (request.url.includes("/stream") ? refuse() : globalThis.fetch(request));
  let refuse;
  const refused = new Promise((done) => {
    refuse = () => {
      done();
      return new Response('{"code":"stream_unavailable"}', { status: 503, headers: { "Retry-After": "60" } });
    };
  });
  const api = createTaskApi({ baseUrl: ADDRESS, fetch });
  await api.login({ username: await newPerson(), password: PASSWORD });
  const cursors = api.followChanges("now", { pollMs: 60_000, ...options });
  await cursors.next();
  const next = cursors.next();
  await refused;
  await sleep(100);
  return { cursors, next };
}

test("an abort ends the wait of a loop that polls", { timeout: 20_000 }, async () => {
  const abort = new AbortController();
  const { next } = await polling({ signal: abort.signal });
  abort.abort();
  assert.deepEqual(await next, { value: undefined, done: true });
});

test("return ends the wait of a loop that polls", { timeout: 20_000 }, async () => {
  const abort = new AbortController();
  const { cursors, next } = await polling({ signal: abort.signal });
  assert.deepEqual(await cursors.return(), { value: undefined, done: true });
  assert.deepEqual(await next, { value: undefined, done: true });
  assert.ok(!abort.signal.aborted);
});

test("an abort ends the wait before a request is repeated", { timeout: 5_000 }, async () => {
  const fetch = async () => Response.json({}, { status: 503, headers: { "Retry-After": "10" } });
  const api = createTaskApi({ baseUrl: ADDRESS, fetch });
  await assert.rejects(api.GET("/api/v1/tasks", { signal: AbortSignal.timeout(100) }), { name: "TimeoutError" });
});
