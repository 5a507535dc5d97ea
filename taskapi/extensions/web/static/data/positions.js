/** Positions of tasks in their manual order: hexadecimal digits, read as a fraction, as the server has them.
 *
 * A position that is computed here shows a move at once. The server responds with its own.
 */

const END = "g"; // after all digits

/** Return a position between two others; without `low` it is the first, without `high` the last. */
export function positionBetween(low = "", high = END) {
  const digits = Math.max(low.length, high.length) + 1;
  const whole = (position) => (position === END ? 16n ** BigInt(digits) : BigInt(`0x${position.padEnd(digits, "0")}`));
  return ((whole(low) + whole(high)) / 2n).toString(16).padStart(digits, "0");
}

/** Return the position of a task that the server does not have yet: after those that it has. */
export function unsavedPosition(outboxKey) {
  const [time, count] = outboxKey.split("-");
  return `f${parseInt(time, 36).toString(16)}${count}`;
}

/** Compare two tasks by position. */
export function comparePositions({ position: one }, { position: other }) {
  return Number(one > other) - Number(one < other);
}
