/** Who is signed in, and what their roles let them do. The server decides; this hides what it would refuse. */

let person = null;

/** Say who is signed in. */
export function setPerson(account) {
  person = account;
}

/** Return the account of whoever is signed in. */
export function me() {
  return person;
}

/** Whether they may change tasks. */
export function canWrite() {
  return person.roles.some((role) => role !== "viewer");
}

/** Whether they may manage people. */
export function isAdmin() {
  return person.roles.includes("admin");
}
