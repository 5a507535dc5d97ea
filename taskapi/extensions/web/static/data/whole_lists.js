/** Requests that change many tasks at once on the server, past the outbox (extension `bulk`). */

import { hasRoute } from "../api/server.js";
import { isServerReachable } from "./change_feed.js";
import { pendingOperations } from "./outbox.js";

/** Whether the server can change all tasks of a list, and empty the trash, in one request. */
export function canChangeWholeLists() {
  return hasRoute("/tasks/bulk");
}

/** Throw an error offline, or while changes of this device wait: the server has other tasks than the page shows. */
export function requireSaved() {
  if (!isServerReachable())
    throw new Error("You are offline. Changes of a whole list need the server: nothing was changed or queued.");
  if (pendingOperations().length)
    throw new Error("Some changes of this device are not saved yet. Wait until they are, or discard them.");
}
