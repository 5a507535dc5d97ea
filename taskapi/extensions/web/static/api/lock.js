/** A named lock across all tabs of this browser (Web Locks). Pages without Web Locks lock within the tab only. */

const tails = new Map();

/** Run `work` while holding the lock of this name, and return its result. */
export function withLock(name, work) {
  if (navigator.locks) return navigator.locks.request(name, work);
  const result = (tails.get(name) ?? Promise.resolve()).then(work, work);
  tails.set(
    name,
    result.catch(() => {}),
  );
  return result;
}
