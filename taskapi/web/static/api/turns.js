/** One after the other, across all tabs of this browser (Web Locks); in this tab alone where a page has no locks. */

const last = new Map();

/** Do `work` when nobody else is at work under this name, and return what it returns. */
export function inTurn(name, work) {
  if (navigator.locks) return navigator.locks.request(name, work);
  const turn = (last.get(name) ?? Promise.resolve()).then(work, work);
  last.set(
    name,
    turn.catch(() => {}),
  );
  return turn;
}
