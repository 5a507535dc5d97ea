/** Saves the changes of an edit form, and detects changes of the same fields in another tab or on another device. */

import { isSame } from "./merge.js";

/** A field was changed elsewhere to another value; `current` has the values of the server. */
export class EditConflict extends Error {
  status = 412;

  constructor(current) {
    super("This was changed elsewhere.");
    this.current = current;
  }
}

/** Call `update(changes, version)`; if only other fields changed elsewhere, retry with the new version. */
export async function updateVersioned(base, changes, update) {
  let { version } = base;
  for (;;) {
    try {
      return await update(changes, version);
    } catch (problem) {
      if (problem.code !== "version_mismatch") throw problem;
      checkConflict(base, changes, problem.current);
      version = problem.current.version;
    }
  }
}

/** Update an account, which has no version: compare it with its current values first. */
export async function updateAccount(base, changes, { load, update }) {
  checkConflict(base, changes, await load());
  return update(changes);
}

function checkConflict(base, changes, current) {
  const isConflicting = (name) => !isSame(current[name], base[name]) && !isSame(current[name], changes[name]);
  if (Object.keys(changes).some(isConflicting)) throw new EditConflict(current);
}
