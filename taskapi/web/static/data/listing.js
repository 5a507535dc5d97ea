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

  /** Read the list again from the start, at least `count` rows; a response that a later request overtook is dropped. */
  async reload(count = this.ids.length) {
    this.#latest += 1;
    const turn = this.#latest;
    try {
      const { rows, cursor } = await this.#read(Math.max(PAGE, count));
      if (turn !== this.#latest) return;
      Object.assign(this, { ids: rows.map((row) => row.id), cursor, state: "ready", problem: null });
    } catch (problem) {
      if (turn !== this.#latest) return;
      Object.assign(this, { state: this.state === "ready" ? "ready" : "failed", problem });
    }
  }

  /** Read the next page; if the server no longer takes the cursor, read the list again from the start, and as far. */
  async loadMore() {
    const turn = this.#latest;
    let page = null;
    try {
      page = await api.list({ ...this.query, limit: PAGE, cursor: this.cursor });
    } catch (problem) {
      if (problem.code !== "invalid_cursor") throw problem;
    }
    if (turn !== this.#latest) return;
    if (!page) {
      await this.reload(this.ids.length + PAGE);
      if (this.problem) throw this.problem;
      return;
    }
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
