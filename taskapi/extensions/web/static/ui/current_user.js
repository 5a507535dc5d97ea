/** The signed-in user and the permissions of their roles. The server decides; the page only hides what it rejects. */

import { hasRoute } from "../api/server.js";

let user = null;

/** Set the signed-in user. */
export function setCurrentUser(account) {
  user = account;
}

/** Return the signed-in user. */
export function currentUser() {
  return user;
}

/** Whether the user may change tasks. */
export function canWrite() {
  return user.roles.some((role) => role !== "viewer");
}

/** Whether the user may manage users, and the server has the routes for it. */
export function isAdmin() {
  return user.roles.includes("admin") && hasRoute("/admin/users");
}
