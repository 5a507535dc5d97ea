/* The cursors of changes, as they happen. */

import type { Client } from "openapi-fetch";

import { ProblemError } from "./problem.js";
import { wait } from "./retry.js";
import type { paths } from "./schema.js";

export interface FollowOptions {
  /** How often to ask while the server has no stream to give, or cannot be reached. */
  pollMs?: number;
  signal?: AbortSignal;
}

interface Answer {
  data?: unknown;
  error?: unknown;
  response: Response;
}

const BUSY = [429, 502, 503, 504];

/** Yield cursors until `signal` is aborted or the caller calls `return()`. Reconnects with the last one. */
export function followChanges(
  client: Client<paths>,
  since: string,
  { pollMs = 10_000, signal }: FollowOptions,
): AsyncGenerator<string, void> {
  const end = new AbortController();
  const abort = () => end.abort();
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { signal: end.signal }); // which removes it at the end
  const cursors = follow(client, since, pollMs, end.signal);
  // A generator that waits handles `return` only after its wait
  const finish = cursors.return.bind(cursors);
  cursors.return = (value) => {
    abort();
    return finish(value);
  };
  return cursors;
}

async function* follow(
  client: Client<paths>,
  since: string,
  pollMs: number,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const get = (path: string, init: object): Promise<Answer> =>
    client.request("get", path as never, { signal, ...init } as never);
  let streamAt = 0;
  while (!signal.aborted) {
    try {
      const current = await get("/api/v1/changes", { params: { query: { since: "now" } } });
      if (!isReady(current)) streamAt = retryAt(current.response, pollMs);
      else {
        const { cursor } = current.data as { cursor: string };
        if (cursor !== since) yield (since = cursor);
      }
      if (Date.now() >= streamAt) {
        const params = { query: { since } };
        const headers = { Accept: "text/event-stream" };
        const stream = await get("/api/v1/changes/stream", { params, headers, parseAs: "stream" });
        if (!isReady(stream)) streamAt = retryAt(stream.response, pollMs);
        else for await (const id of eventIds(stream.data as ReadableStream<Uint8Array>)) yield (since = id);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof TypeError)) throw error; // fetch throws a TypeError if there is no network
      streamAt = Date.now() + pollMs;
    }
    await wait(Date.now() < streamAt ? pollMs : 1000, signal);
  }
}

/* Whether a response has a result. Throws if another attempt would not help. */
function isReady({ error, response }: Answer): boolean {
  if (!response.ok && !BUSY.includes(response.status)) throw new ProblemError(error, response);
  return response.ok;
}

function retryAt(response: Response, pollMs: number): number {
  return Date.now() + (Number(response.headers.get("Retry-After")) * 1000 || pollMs);
}

/* Yield the ids of the events of a stream, until it ends. */
async function* eventIds(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (text + decoder.decode(part.value, { stream: true })).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) if (line.startsWith("id: ")) yield line.slice(4);
    }
  } finally {
    await reader.cancel().catch(() => {}); // the connection may have been interrupted
  }
}
