import * as api from "./client";
import { client } from "./client/client.gen";

declare const process: { env: Record<string, string> };
const credentials = { username: process.env.NEW_USER, password: process.env.PASSWORD };

async function main() {
  client.setConfig({ baseUrl: process.env.ADDRESS });
  await api.register({ body: credentials });
  const tokens = await api.login({ body: credentials, throwOnError: true });
  const refreshed = await api.refresh({ body: { refresh_token: tokens.data.refresh_token }, throwOnError: true });
  client.setConfig({ auth: ({ type }) => (type === "http" ? refreshed.data.access_token : undefined) });

  const created = await api.createTask({
    body: { title: "Water the plants", priority: "high", due_date: "2030-06-01", labels: ["home"] },
    throwOnError: true,
  });
  const path = { task_id: created.data.id };
  await api.createTask({ body: { title: "Feed the cat", status: "in_progress" } });
  // @ts-expect-error: not a status
  await api.createTask({ body: { title: "Feed the dog", status: "open" } });

  const titles: string[] = [];
  for (let cursor: string | undefined | null; cursor !== null; ) {
    const page: { data: api.TaskPage } = await api.listTasks({
      query: { limit: 1, sort: "title", cursor }, throwOnError: true,
    });
    titles.push(page.data.items[0].title);
    cursor = page.data.next_cursor;
  }
  const filtered = await api.listTasks({
    query: { priority: ["high", "low"], label: ["home"], due_after: "2030-05-31", overdue: false },
    throwOnError: true,
  });

  const patched = await api.updateTask({ path, body: { due_date: null }, throwOnError: true });
  const conflict = await api.updateTask({
    path, body: { title: "Water the ferns" }, headers: { "If-Match": `"${created.data.version}"` },
  });
  if (!conflict.error || !("current" in conflict.error)) throw new Error();
  const invalid = await api.createTask({ body: { title: "Feed the cat", project_id: path.task_id } });
  if (!invalid.error || !("errors" in invalid.error)) throw new Error();

  const imported = await api.importTasksCsv({
    body: { file: new Blob(["title\nBuy bread\n"]) }, query: { dry_run: false }, throwOnError: true,
  });
  const table = await api.exportTasksCsv({ throwOnError: true });
  const file = await api.exportTasksJson({ throwOnError: true });
  const batch = await api.changeTasks({
    body: { operations: [{ op: "create", data: { title: "Call Ada" } }, { op: "delete", id: path.task_id }] },
    throwOnError: true,
  });

  console.log(JSON.stringify({
    titles,
    filtered: filtered.data.items.map((task) => task.title),
    patched: [patched.data.due_date, patched.data.priority, patched.data.labels],
    conflict: conflict.error.current.title,
    invalid: [invalid.error.code, Object.keys(invalid.error.errors.json ?? {})],
    imported: imported.data.created,
    exported: [table.data.split(",", 2), file.data.tasks.length],
    batch: batch.data.results.map((result) => (result.op === "create" ? result.data.title : result.op)),
  }));
}

void main();
