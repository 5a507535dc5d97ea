/* One client for the page: all requests share one refresh. */

import { createTaskApi, type Schemas } from "taskapi-client";

export type Task = Schemas["Task"];

export const api = createTaskApi({
  baseUrl: import.meta.env.VITE_API_URL ?? "http://localhost:8000",
  mode: import.meta.env.VITE_AUTH_MODE === "bearer" ? "bearer" : "cookies",
});
