/* What a caller may write under `tsc --strict`. A line after `@ts-expect-error` must be an error. */

import { createTaskApi, unwrap, type Schemas } from "taskapi-client";

const api = createTaskApi();

export async function readPage(): Promise<number> {
  const page = await unwrap(api.GET("/api/v1/tasks", { params: { query: { status: ["todo"], priority: ["high"] } } }));
  const cursor: string | null = page.next_cursor;
  // @ts-expect-error: a filter has only the values of the enum
  await api.GET("/api/v1/tasks", { params: { query: { status: ["unknown"] } } });
  // @ts-expect-error: there is no such path
  await api.GET("/api/v1/tasks/unknown");
  return page.items[0].id.length + (cursor?.length ?? 0);
}

export async function signIn(): Promise<void> {
  await api.login({ username: "ada", password: "analytical engine no 9" });
  // @ts-expect-error: the password is missing
  await api.login({ username: "ada" });
}

export async function change(task: Schemas["Task"]): Promise<string> {
  const path = { task_id: task.id };
  const result = await api.update("/api/v1/tasks/{task_id}", { path, body: { status: "done" }, version: task.version });
  // @ts-expect-error: a status has only the values of the enum
  await api.update("/api/v1/tasks/{task_id}", { path, body: { status: "unknown" }, version: task.version });
  // @ts-expect-error: lists have no versions
  await api.update("/api/v1/tasks", { path, body: {}, version: 1 });
  // @ts-expect-error: after a conflict there is no saved task
  if (result.conflict) console.log(result.saved);
  return result.conflict ? result.current.title : result.saved.title;
}

export async function create(): Promise<string | null> {
  // @ts-expect-error: a task has a title
  await api.POST("/api/v1/tasks", { body: { priority: "high" } });
  const task = await unwrap(api.POST("/api/v1/tasks", { body: { title: "Water the plants", priority: "high" } }));
  return task.due_date;
}

export async function iterate(): Promise<string[]> {
  const names: string[] = [];
  for await (const label of api.items("/api/v1/labels")) names.push(label.name);
  // @ts-expect-error: an account is no list
  api.items("/api/v1/me");
  return names;
}

export async function move(file: File): Promise<string> {
  await unwrap(api.POST("/api/v1/tasks/import.csv", { body: { file } }));
  // @ts-expect-error: a file is no text
  await unwrap(api.POST("/api/v1/tasks/import.csv", { body: { file: "title" } }));
  const csv: string = await unwrap(api.GET("/api/v1/tasks/export.csv"));
  return csv;
}
