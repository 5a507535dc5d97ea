/** The pages of one question to the list of tasks, as far as they were turned. */

import { tasks as api } from "../api/calls.js";
import { learn } from "./tasks.js";

const PAGE = 50;
const MOST = 100;

export class Listing {
  ids = [];

  cursor = null;

  state = "loading"; // or "ready", or "failed", with `problem`

  #latest = 0;

  constructor(query) {
    this.query = query;
  }

  /** Whether there is more to be had. */
  get more() {
    return this.cursor !== null;
  }

  /** Ask for what is shown now once more, from the start; an answer that a later question overtook is dropped. */
  async reload() {
    this.#latest += 1;
    const turn = this.#latest;
    try {
      const { rows, cursor } = await this.#read(Math.max(PAGE, this.ids.length));
      if (turn !== this.#latest) return;
      Object.assign(this, { ids: rows.map((row) => row.id), cursor, state: "ready", problem: null });
    } catch (problem) {
      if (turn !== this.#latest) return;
      Object.assign(this, { state: this.state === "ready" ? "ready" : "failed", problem });
    }
  }

  /** Turn to the next page. */
  async loadMore() {
    const turn = this.#latest;
    const page = await api.list({ ...this.query, limit: PAGE, cursor: this.cursor });
    if (turn !== this.#latest) return;
    learn(page.items);
    this.ids = [...new Set([...this.ids, ...page.items.map((row) => row.id)])];
    this.cursor = page.next_cursor;
  }

  async #read(count) {
    const rows = [];
    let cursor = null;
    do {
      const page = await api.list({ ...this.query, limit: Math.min(MOST, count - rows.length), cursor });
      rows.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor && rows.length < count);
    learn(rows);
    return { rows, cursor };
  }
}
