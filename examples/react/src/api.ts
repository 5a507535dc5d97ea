/* One client for the page, outside of the components: all of them share one refresh. */

import { QueryClient } from "@tanstack/react-query";
import { createTaskApi, type Schemas } from "taskapi-client";

export type Task = Schemas["Task"];

const listeners = new Set<() => void>();

export const api = createTaskApi({
  baseUrl: import.meta.env.VITE_API_URL ?? "http://localhost:8000",
  mode: import.meta.env.VITE_AUTH_MODE === "bearer" ? "bearer" : "cookies",
  onSignedOut: sessionChanged,
});

/* The client repeats requests itself, where that is safe. */
export const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });

/* Show the page for the current state of the session. Data of a session that has ended is deleted. */
export function sessionChanged(): void {
  if (!api.isSignedIn()) queryClient.clear();
  for (const listener of listeners) listener();
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
