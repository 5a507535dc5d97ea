/** The operations of the API that this page uses. */

import { buildUrl, readCookie, request, send } from "./http.js";

const requestData = async (...call) => (await request(...call)).data;

/** The formats of files that can be imported, and their media types. */
const IMPORT_TYPES = { csv: "text/csv", ics: "text/calendar", json: "application/json" };

const ifMatch = (version) => (version === undefined ? {} : { "If-Match": `"${version}"` });

export const account = {
  show: () => requestData("GET", "/me"),
  change: (changes) => requestData("PATCH", "/me", { body: changes }),
  changePassword: (current, wanted) =>
    requestData("PUT", "/me/password", { body: { current_password: current, new_password: wanted } }),
  activity: (cursor) => requestData("GET", "/me/activity", { query: { cursor } }),
  remove: () => requestData("DELETE", "/me"),
};

/** The operations that need a mail server. `server.mail` tells whether there is one. */
export const accountMail = {
  show: () => requestData("GET", "/me/email"),
  change: (email) => requestData("POST", "/me/email", { body: { email } }),
  remove: () => requestData("DELETE", "/me/email"),
  confirm: (token) => send("POST", "/auth/email-verification/confirm", { body: { token } }),
  requestReset: (login) => send("POST", "/auth/password-reset", { body: { login } }),
  resetPassword: (token, wanted) =>
    send("POST", "/auth/password-reset/confirm", { body: { token, new_password: wanted } }),
};

export const session = {
  register: (values) => send("POST", "/auth/register", { body: values }),
  signIn: (username, password) => send("POST", "/auth/login", { body: { username, password, cookies: true } }),
  signInByProvider: (code) => send("POST", "/auth/openid/exchange", { body: { ...code, cookies: true } }),
  passkeyOptions: async () => (await send("POST", "/auth/passkeys/options")).data.options,
  signInByPasskey: (credential) => send("POST", "/auth/passkeys", { body: { credential, cookies: true } }),
  sendCode: (challenge, code) => send("POST", "/auth/second-factor", { body: { challenge, code, cookies: true } }),
  signOut: () => send("POST", "/auth/logout", {}, readCookie("csrf_refresh_token")),
  verify: (password) => requestData("POST", "/auth/verify-password", { body: { password } }),
  list: (cursor) => requestData("GET", "/auth/sessions", { query: { cursor } }),
  end: (id) => requestData("DELETE", `/auth/sessions/${id}`),
  endOthers: () => requestData("DELETE", "/auth/sessions"),
};

/** The link to the OpenID provider. `server.openid` is its name. */
export const openid = {
  show: () => requestData("GET", "/me/openid"),
  link: (code) => requestData("POST", "/me/openid", { body: code }),
  unlink: () => requestData("DELETE", "/me/openid"),
};

/** `server.passkeys` tells whether the server has them. */
export const passkeys = {
  list: () => requestData("GET", "/me/passkeys"),
  options: async () => (await requestData("POST", "/me/passkeys/options")).options,
  create: (name, credential) => requestData("POST", "/me/passkeys", { body: { name, credential } }),
  remove: (id) => requestData("DELETE", `/me/passkeys/${id}`),
};

/** `server.second_factor` tells whether the server offers one. */
export const secondFactor = {
  show: () => requestData("GET", "/me/second-factor"),
  start: (password) => requestData("POST", "/me/second-factor", { body: { password } }),
  confirm: (code) => requestData("POST", "/me/second-factor/confirm", { body: { code } }),
  renewRecoveryCodes: (password, code) =>
    requestData("POST", "/me/second-factor/recovery-codes", { body: { password, code } }),
  disable: (password, code) => requestData("POST", "/me/second-factor/disable", { body: { password, code } }),
};

export const personalTokens = {
  list: (cursor) => requestData("GET", "/me/tokens", { query: { cursor } }),
  create: (values) => requestData("POST", "/me/tokens", { body: values }),
  remove: (id) => requestData("DELETE", `/me/tokens/${id}`),
};

export const calendars = {
  list: (cursor) => requestData("GET", "/me/calendars", { query: { cursor } }),
  create: (values) => requestData("POST", "/me/calendars", { body: values }),
  rotate: (id) => requestData("POST", `/me/calendars/${id}/rotate`),
  remove: (id) => requestData("DELETE", `/me/calendars/${id}`),
};

export const reminders = {
  list: () => requestData("GET", "/reminders", { query: { limit: 100 } }),
};

export const tasks = {
  list: (query) => requestData("GET", "/tasks", { query }),
  show: (id) => requestData("GET", `/tasks/${id}`),
  summary: () => requestData("GET", "/tasks/summary"),
  subtaskCounts: async (ids) => (await requestData("GET", "/tasks/subtask-counts", { query: { task_id: ids } })).items,
  create: (values, key) => requestData("POST", "/tasks", { body: values, headers: { "Idempotency-Key": key } }),
  update: (id, changes, version) => requestData("PATCH", `/tasks/${id}`, { body: changes, headers: ifMatch(version) }),
  remove: (id, query, version) => requestData("DELETE", `/tasks/${id}`, { query, headers: ifMatch(version) }),
  restore: (id) => requestData("POST", `/tasks/${id}/restore`),
  move: (id, place) => requestData("POST", `/tasks/${id}/move`, { body: place }),
  importFile: (form, file, { dryRun = false, key = null, options = {} }) =>
    requestData("POST", `/tasks/import.${form}`, {
      file,
      query: { dry_run: dryRun ? "true" : null, ...options },
      headers: { "Content-Type": IMPORT_TYPES[form], ...(key && { "Idempotency-Key": key }) },
    }),
  count: (filters) => requestData("GET", "/tasks/count", { query: filters }),
  changeAll: (filters, change, key) =>
    requestData("POST", "/tasks/bulk", { query: filters, body: { change }, headers: { "Idempotency-Key": key } }),
  emptyTrash: () => requestData("DELETE", "/trash"),
  batch: async (operations) => (await requestData("POST", "/tasks/batch", { body: { operations } })).results,
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

export const changeStreamUrl = () => buildUrl("/changes/stream");
export const changes = (since) => requestData("GET", "/changes", { query: { since } });

export const admin = {
  ...collection("/admin/users"),
  signOut: (id) => requestData("POST", `/admin/users/${id}/sign-out`),
  audit: (query) => requestData("GET", "/admin/audit", { query }),
  stats: () => requestData("GET", "/admin/stats"),
};
