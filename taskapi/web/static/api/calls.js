/** The API's operations that this page uses, by name. */

import { cookie, request, send } from "./http.js";

const data = async (...call) => (await request(...call)).data;

export const account = {
  show: () => data("GET", "/me"),
  change: (changes) => data("PATCH", "/me", { body: changes }),
  changePassword: (current, wanted) =>
    data("PUT", "/me/password", { body: { current_password: current, new_password: wanted } }),
  activity: (cursor) => data("GET", "/me/activity", { query: { cursor } }),
  remove: () => data("DELETE", "/me"),
};

export const session = {
  register: (values) => send("POST", "/auth/register", { body: values }),
  signIn: (username, password) => send("POST", "/auth/login", { body: { username, password, cookies: true } }),
  signOut: () => send("POST", "/auth/logout", {}, cookie("csrf_refresh_token")),
  verify: (password) => data("POST", "/auth/verify-password", { body: { password } }),
  list: (cursor) => data("GET", "/auth/sessions", { query: { cursor } }),
  end: (id) => data("DELETE", `/auth/sessions/${id}`),
  endOthers: () => data("DELETE", "/auth/sessions"),
};

export const tasks = {
  list: (query) => data("GET", "/tasks", { query }),
  show: (id) => data("GET", `/tasks/${id}`),
  summary: () => data("GET", "/tasks/summary"),
  create: (values, key) => data("POST", "/tasks", { body: values, headers: { "Idempotency-Key": key } }),
  update: (id, changes, version) =>
    data("PATCH", `/tasks/${id}`, { body: changes, headers: { "If-Match": `"${version}"` } }),
  remove: (id, query) => data("DELETE", `/tasks/${id}`, { query }),
  restore: (id) => data("POST", `/tasks/${id}/restore`),
};

const collection = (path) => ({
  list: (query) => data("GET", path, { query }),
  create: (values) => data("POST", path, { body: values }),
  update: (id, changes) => data("PATCH", `${path}/${id}`, { body: changes }),
  remove: (id) => data("DELETE", `${path}/${id}`),
  restore: (id, changes) => data("POST", `${path}/${id}/restore`, { body: changes }),
});

export const projects = collection("/projects");
export const labels = collection("/labels");

export const changes = (since) => data("GET", "/changes", { query: { since } });

export const admin = {
  ...collection("/admin/users"),
  signOut: (id) => data("POST", `/admin/users/${id}/sign-out`),
  audit: (query) => data("GET", "/admin/audit", { query }),
  stats: () => data("GET", "/admin/stats"),
};
