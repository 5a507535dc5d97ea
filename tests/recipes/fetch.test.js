import assert from "node:assert/strict";
import { test } from "node:test";

import { Problem, SignInRequired, TaskApi } from "../../examples/fetch/client.js";
import { Bearer, Cookies, otherOrigin } from "../../examples/fetch/session.js";
import { BASE, Jar, PASSWORD, expired, newPerson, watched } from "./support.js";

/* A client whose person is signed in, and what it has sent. */
async function signedIn() {
  const session = new Bearer();
  let tokens;
  const store = session.store.bind(session);
  session.store = (given) => store((tokens = given));
  const sent = watched();
  const api = new TaskApi(BASE, session, { fetch: sent });
  await api.signIn(await newPerson(), PASSWORD);
  const spoil = () => session.store({ ...tokens, access_token: expired(tokens.access_token) });
  return { api, session, sent, spoil, tokens: () => tokens };
}

async function inBrowser() {
  const jar = new Jar();
  const sent = watched(jar.fetch);
  const api = new TaskApi(BASE, new Cookies(jar.values), { fetch: sent });
  await api.signIn(await newPerson(), PASSWORD);
  const cookie = jar.cookies.get("access_token");
  const spoil = () => (cookie.value = expired(cookie.value));
  return { api, jar, sent, spoil };
}

test("twenty requests with an expired token make one refresh", async () => {
  const { api, sent, spoil } = await signedIn();
  spoil();
  await Promise.all(Array.from({ length: 20 }, () => api.get("/tasks")));
  assert.equal(sent.count("POST /auth/refresh"), 1);
  assert.equal(sent.count("GET /tasks 401"), 20);
  assert.equal(sent.count("GET /tasks 200"), 20);
});

test("a refusal that comes late does not refresh again", async () => {
  const { api, sent, spoil } = await signedIn();
  spoil();
  let release;
  sent.hold = { path: "/me", until: new Promise((done) => (release = done)) };
  const late = api.get("/me");
  await api.get("/tasks");
  release();
  await late;
  assert.equal(sent.count("GET /me 401"), 1);
  assert.equal(sent.count("POST /auth/refresh"), 1);
});

test("a stolen refresh token ends in signing in", async () => {
  const { api, sent, spoil, tokens } = await signedIn();
  const stolen = tokens().refresh_token;
  const refresh = (token) =>
    fetch(`${BASE}/auth/refresh`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ refresh_token: token }),
    });
  const thiefs = await (await refresh(stolen)).json();
  assert.equal((await refresh(thiefs.refresh_token)).status, 200);
  spoil();
  await assert.rejects(api.get("/tasks"), SignInRequired);
  assert.equal(sent.count("POST /auth/refresh 401"), 1);
  await assert.rejects(api.get("/tasks"), SignInRequired);
  assert.equal(sent.count("POST /auth/refresh"), 1);
});

test("a lost answer to a refresh is given again, and nobody signs in", async () => {
  const { api, sent, spoil } = await signedIn();
  spoil();
  sent.lose = "/auth/refresh";
  assert.deepEqual((await api.get("/tasks")).items, []);
  assert.equal(sent.count("POST /auth/refresh 200"), 2);
});

test("a task whose answer was lost is there once", async () => {
  const { api, sent } = await signedIn();
  sent.lose = "/tasks";
  await api.create("/tasks", { title: "Once" });
  assert.equal(sent.count("POST /tasks 201"), 2);
  assert.equal((await api.get("/tasks")).items.length, 1);
});

test("a task that met an expired token is there once", async () => {
  const { api, spoil } = await signedIn();
  spoil();
  await api.create("/tasks", { title: "Once" });
  assert.equal((await api.get("/tasks")).items.length, 1);
});

test("a change that somebody else forestalled is a problem with a code", async () => {
  const { api } = await signedIn();
  const task = await api.create("/tasks", { title: "Water the plants" });
  await api.patch(`/tasks/${task.id}`, { status: "done" }, task.version);
  const late = api.patch(`/tasks/${task.id}`, { status: "todo" }, task.version);
  await assert.rejects(late, (error) => error instanceof Problem && error.code === "version_mismatch");
});

test("a session that was ended elsewhere ends in signing in", async () => {
  const { api, tokens } = await signedIn();
  const headers = { Authorization: `Bearer ${tokens().access_token}` };
  await fetch(`${BASE}/auth/logout`, { method: "POST", headers });
  await assert.rejects(api.get("/tasks"), SignInRequired);
});

test("a service that is down signs nobody out", async () => {
  const { api, sent, spoil, session } = await signedIn();
  spoil();
  const down = new TaskApi("http://127.0.0.1:9/api/v1", session);
  await assert.rejects(down.get("/tasks"), TypeError);
  assert.deepEqual((await api.get("/tasks")).items, []);
  assert.equal(sent.count("POST /auth/refresh"), 1);
});

test("changing the password goes on in the new session", async () => {
  const { api, sent, spoil, tokens } = await signedIn();
  const before = tokens().session_id;
  await api.changePassword(PASSWORD, "another long and odd sentence");
  assert.notEqual(tokens().session_id, before);
  spoil();
  await api.get("/tasks");
  await api.delete("/auth/sessions");
  await api.create("/tasks", { title: "Water the plants" });
  assert.equal(sent.count("POST /auth/refresh"), 1);
});

test("on another origin the csrf values of responses are enough", async () => {
  const jar = new Jar();
  const kept = new Map();
  const storage = {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => kept.set(name, value),
    removeItem: (name) => kept.delete(name),
  };
  const api = new TaskApi(BASE, new Cookies(otherOrigin(storage)), { fetch: watched(jar.fetch) });
  await api.signIn(await newPerson(), PASSWORD);
  await api.create("/tasks", { title: "Water the plants" });
  const cookie = jar.cookies.get("access_token");
  cookie.value = expired(cookie.value);
  await api.create("/tasks", { title: "Feed the cat" });
  await api.request("POST", "/auth/verify-password", { body: { password: PASSWORD } });
  await api.changePassword(PASSWORD, "another long and odd sentence");
  await api.delete("/auth/sessions");
  assert.equal((await api.get("/tasks")).items.length, 2);
  await api.signOut();
  assert.equal(jar.session.length + kept.size, 0);
});

test("signing out ends the session", async () => {
  const { api } = await signedIn();
  await api.signOut();
  await assert.rejects(api.get("/tasks"), SignInRequired);
});

test("in a browser twenty requests with an expired token make one refresh", async () => {
  const { api, sent, spoil } = await inBrowser();
  spoil();
  await Promise.all(Array.from({ length: 20 }, (_, i) => api.create("/tasks", { title: `Task ${i}` })));
  assert.equal(sent.count("POST /auth/refresh"), 1);
  assert.equal((await api.get("/tasks", { limit: 100 })).items.length, 20);
});

test("in a browser two tabs stay signed in", async () => {
  const { api, jar, sent, spoil } = await inBrowser();
  const other = new TaskApi(BASE, new Cookies(jar.values), { fetch: sent });
  spoil();
  await Promise.all([api.get("/tasks"), other.get("/tasks"), api.get("/me"), other.get("/me")]);
  assert.equal((await other.get("/tasks")).items.length, 0);
});

test("in a browser signing out takes the cookies back", async () => {
  const { api, jar } = await inBrowser();
  await api.signOut();
  assert.equal(jar.session.length, 0);
  await assert.rejects(api.get("/tasks"), SignInRequired);
});
