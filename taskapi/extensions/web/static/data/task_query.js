/** A query of the task list and the pages of it that were loaded. */

import { tasks as api } from "../api/client.js";
import { storeTasks } from "./task_store.js";

const PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 100;

export class TaskQuery {
  ids = [];

  cursor = null;

  state = "loading"; // or "ready", or "failed", with `problem`

  #latestRequest = 0;

  constructor(filters) {
    this.filters = filters;
  }

  /** Whether the server has more pages. */
  get hasMore() {
    return this.cursor !== null;
  }

  /** Reload the list from the start, at least `count` rows. Ignores a response that arrives after a newer request. */
  async reload(count = this.ids.length) {
    this.#latestRequest += 1;
    const requestNumber = this.#latestRequest;
    try {
      const { rows, cursor } = await this.#read(Math.max(PAGE_SIZE, count));
      if (requestNumber !== this.#latestRequest) return;
      Object.assign(this, { ids: rows.map((row) => row.id), cursor, state: "ready", problem: null });
    } catch (problem) {
      if (requestNumber !== this.#latestRequest) return;
      Object.assign(this, { state: this.state === "ready" ? "ready" : "failed", problem });
    }
  }

  /** Load the next page; if the server rejects the cursor, reload the list up to the same length. */
  async loadMore() {
    const requestNumber = this.#latestRequest;
    let page = null;
    try {
      page = await api.list({ ...this.filters, limit: PAGE_SIZE, cursor: this.cursor });
    } catch (problem) {
      if (problem.code !== "invalid_cursor") throw problem;
    }
    if (requestNumber !== this.#latestRequest) return;
    if (!page) {
      await this.reload(this.ids.length + PAGE_SIZE);
      if (this.problem) throw this.problem;
      return;
    }
    storeTasks(page.items);
    this.ids = [...new Set([...this.ids, ...page.items.map((row) => row.id)])];
    this.cursor = page.next_cursor;
  }

  async #read(count) {
    const rows = [];
    let cursor = null;
    do {
      const page = await api.list({ ...this.filters, limit: Math.min(MAX_PAGE_SIZE, count - rows.length), cursor });
      rows.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor && rows.length < count);
    storeTasks(rows);
    return { rows, cursor };
  }
}
