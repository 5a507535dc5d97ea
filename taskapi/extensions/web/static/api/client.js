/** The operations of the API that this page uses. */

import { readCookie, request, send } from "./http.js";

const requestData = async (...call) => (await request(...call)).data;

const ifMatch = (version) => (version === undefined ? {} : { "If-Match": `"${version}"` });

export const account = {
  show: () => requestData("GET", "/me"),
  change: (changes) => requestData("PATCH", "/me", { body: changes }),
  changePassword: (current, wanted) =>
    requestData("PUT", "/me/password", { body: { current_password: current, new_password: wanted } }),
  activity: (cursor) => requestData("GET", "/me/activity", { query: { cursor } }),
  remove: () => requestData("DELETE", "/me"),
};

export const session = {
  register: (values) => send("POST", "/auth/register", { body: values }),
  signIn: (username, password) => send("POST", "/auth/login", { body: { username, password, cookies: true } }),
  signOut: () => send("POST", "/auth/logout", {}, readCookie("csrf_refresh_token")),
  verify: (password) => requestData("POST", "/auth/verify-password", { body: { password } }),
  list: (cursor) => requestData("GET", "/auth/sessions", { query: { cursor } }),
  end: (id) => requestData("DELETE", `/auth/sessions/${id}`),
  endOthers: () => requestData("DELETE", "/auth/sessions"),
};

export const tasks = {
  list: (query) => requestData("GET", "/tasks", { query }),
  show: (id) => requestData("GET", `/tasks/${id}`),
  summary: () => requestData("GET", "/tasks/summary"),
  create: (values, key) => requestData("POST", "/tasks", { body: values, headers: { "Idempotency-Key": key } }),
  update: (id, changes, version) => requestData("PATCH", `/tasks/${id}`, { body: changes, headers: ifMatch(version) }),
  remove: (id, query) => requestData("DELETE", `/tasks/${id}`, { query }),
  restore: (id) => requestData("POST", `/tasks/${id}/restore`),
};

const collection = (path) => ({
  list: (query) => requestData("GET", path, { query }),
  show: (id) => requestData("GET", `${path}/${id}`),
  create: (values) => requestData("POST", path, { body: values }),
  update: (id, changes, version) => requestData("PATCH", `${path}/${id}`, { body: changes, headers: ifMatch(version) }),
  remove: (id) => requestData("DELETE", `${path}/${id}`),
  restore: (id, changes) => requestData("POST", `${path}/${id}/restore`, { body: changes }),
});

export const projects = collection("/projects");
export const labels = collection("/labels");

export const changes = (since) => requestData("GET", "/changes", { query: { since } });

export const admin = {
  ...collection("/admin/users"),
  signOut: (id) => requestData("POST", `/admin/users/${id}/sign-out`),
  audit: (query) => requestData("GET", "/admin/audit", { query }),
  stats: () => requestData("GET", "/admin/stats"),
};
