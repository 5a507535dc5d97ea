import assert from "node:assert/strict";
import { test } from "node:test";

import { createApi, signIn } from "../../examples/axios/client.js";
import { Bearer } from "../../examples/fetch/session.js";
import { BASE, PASSWORD, expired, newPerson } from "./support.js";

async function signedIn() {
  const session = new Bearer();
  let tokens;
  const store = session.store.bind(session);
  session.store = (given) => store((tokens = given));
  let signedOut = 0;
  const api = createApi(BASE, session, { onSignedOut: () => signedOut++ });
  const refreshes = [];
  api.plainClient.interceptors.request.use((config) => (refreshes.push(config.url), config));
  await signIn(api, await newPerson(), PASSWORD);
  refreshes.length = 0;
  const spoil = () => session.store({ ...tokens, access_token: expired(tokens.access_token) });
  return { api, refreshes, spoil, tokens: () => tokens, signedOut: () => signedOut };
}

test("twenty requests with an expired token make one refresh", async () => {
  const { api, refreshes, spoil } = await signedIn();
  spoil();
  const answers = await Promise.all(Array.from({ length: 20 }, () => api.get("/tasks")));
  assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([200]));
  assert.deepEqual(refreshes, ["/auth/refresh"]);
});

test("a body is sent again as it was", async () => {
  const { api, spoil } = await signedIn();
  spoil();
  const { data } = await api.post("/tasks", { title: "Water the plants" });
  assert.equal(data.title, "Water the plants");
});

test("a stolen refresh token ends in signing in", async () => {
  const { api, refreshes, spoil, tokens, signedOut } = await signedIn();
  const thief = createApi(BASE);
  const thiefs = await thief.post("/auth/refresh", { refresh_token: tokens().refresh_token });
  await thief.post("/auth/refresh", { refresh_token: thiefs.data.refresh_token });
  spoil();
  const answers = await Promise.allSettled([api.get("/tasks"), api.get("/me"), api.get("/labels")]);
  assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set(["rejected"]));
  assert.deepEqual([refreshes.length, signedOut()], [1, 1]);
});

test("changing the password goes on in the new session", async () => {
  const { api, refreshes, spoil, tokens } = await signedIn();
  const before = tokens().session_id;
  await api.put("/me/password", { current_password: PASSWORD, new_password: "another long and odd sentence" });
  assert.notEqual(tokens().session_id, before);
  spoil();
  assert.equal((await api.get("/tasks")).status, 200);
  assert.deepEqual(refreshes, ["/auth/refresh"]);
});

test("another error is no reason to refresh", async () => {
  const { api, refreshes } = await signedIn();
  await assert.rejects(api.post("/tasks", {}), (error) => error.response.data.code === "validation_failed");
  assert.deepEqual(refreshes, []);
});
