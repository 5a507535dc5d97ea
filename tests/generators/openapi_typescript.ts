import createClient from "openapi-fetch";
import type { components, paths } from "./client/schema";

declare const process: { env: Record<string, string> };
const credentials = { username: process.env.NEW_USER, password: process.env.PASSWORD };

/** Return the data of a response, or throw its error. */
async function data<T>(request: Promise<{ data?: T; error?: components["schemas"]["Problem"] }>): Promise<T> {
  const { data, error } = await request;
  if (data === undefined) throw new Error(error?.code);
  return data;
}

async function main() {
  const client = createClient<paths>({ baseUrl: process.env.ADDRESS });
  await client.POST("/api/v1/auth/register", { body: credentials });
  const tokens = await data(client.POST("/api/v1/auth/login", { body: credentials }));
  const refreshed = await data(client.POST("/api/v1/auth/refresh", { body: { refresh_token: tokens.refresh_token } }));
  client.use({
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${refreshed.access_token}`);
    },
  });

  const created = await data(client.POST("/api/v1/tasks", {
    body: { title: "Water the plants", priority: "high", due_date: "2030-06-01", labels: ["home"] },
  }));
  const path = { task_id: created.id };
  await client.POST("/api/v1/tasks", { body: { title: "Feed the cat", status: "in_progress" } });
  // @ts-expect-error: not a status
  await client.POST("/api/v1/tasks", { body: { title: "Feed the dog", status: "open" } });

  const titles: string[] = [];
  for (let cursor: string | undefined | null; cursor !== null; ) {
    const page: components["schemas"]["TaskPage"] = await data(
      client.GET("/api/v1/tasks", { params: { query: { limit: 1, sort: "title", cursor } } }),
    );
    titles.push(page.items[0].title);
    cursor = page.next_cursor;
  }
  const query = { priority: ["high" as const, "low" as const], label: ["home"], due_after: "2030-05-31", overdue: false };
  const filtered = await data(client.GET("/api/v1/tasks", { params: { query } }));

  const patched = await data(client.PATCH("/api/v1/tasks/{task_id}", { params: { path }, body: { due_date: null } }));
  const conflict = await client.PATCH("/api/v1/tasks/{task_id}", {
    params: { path, header: { "If-Match": `"${created.version}"` } }, body: { title: "Water the ferns" },
  });
  if (!conflict.error || !("current" in conflict.error)) throw new Error();
  const invalid = await client.POST("/api/v1/tasks", { body: { title: "Feed the cat", project_id: path.task_id } });
  if (!invalid.error || !("errors" in invalid.error)) throw new Error();

  const form = new FormData();
  form.append("file", new Blob(["title\nBuy bread\n"]), "tasks.csv");
  const imported = await data(client.POST("/api/v1/tasks/import.csv", {
    params: { query: { dry_run: false } }, body: { file: "" }, bodySerializer: () => form,
  }));
  const table = await data(client.GET("/api/v1/tasks/export.csv", { parseAs: "text" }));
  const file = await data(client.GET("/api/v1/tasks/export.json"));
  const batch = await data(client.POST("/api/v1/tasks/batch", {
    body: { operations: [{ op: "create", data: { title: "Call Ada" } }, { op: "delete", id: path.task_id }] },
  }));

  console.log(JSON.stringify({
    titles,
    filtered: filtered.items.map((task) => task.title),
    patched: [patched.due_date, patched.priority, patched.labels],
    conflict: conflict.error.current.title,
    invalid: [invalid.error.code, Object.keys(invalid.error.errors.json ?? {})],
    imported: imported.created,
    exported: [table.split(",", 2), file.tasks.length],
    batch: batch.results.map((result) => (result.op === "create" ? result.data.title : result.op)),
  }));
}

void main();
