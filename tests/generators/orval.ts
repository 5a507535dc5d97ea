import * as api from "./client/api";
import { authorize } from "./request";

declare const process: { env: Record<string, string> };
const credentials = { username: process.env.NEW_USER, password: process.env.PASSWORD };

async function main() {
  await api.register(credentials);
  const tokens = await api.login(credentials);
  if (tokens.status !== 200) throw new Error(tokens.data.code);
  const refreshed = await api.refresh({ refresh_token: tokens.data.refresh_token });
  if (refreshed.status !== 200) throw new Error(refreshed.data.code);
  authorize(refreshed.data.access_token!);

  const created = await api.createTask({
    title: "Water the plants", priority: "high", due_date: "2030-06-01", labels: ["home"],
  });
  if (created.status !== 201) throw new Error(created.data.code);
  const { id, version } = created.data;
  await api.createTask({ title: "Feed the cat", status: "in_progress" });
  // @ts-expect-error: not a status
  await api.createTask({ title: "Feed the dog", status: "open" });

  const titles: string[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: api.listTasksResponse = await api.listTasks({ limit: 1, sort: "title", ...(cursor && { cursor }) });
    if (page.status !== 200) throw new Error();
    titles.push(page.data.items[0].title);
    cursor = page.data.next_cursor;
  }
  const filtered = await api.listTasks({ priority: ["high", "low"], label: ["home"], due_after: "2030-05-31", overdue: false });
  if (filtered.status !== 200) throw new Error();

  const patched = await api.updateTask(id, { due_date: null });
  if (patched.status !== 200) throw new Error();
  const conflict = await api.updateTask(id, { title: "Water the ferns" }, { headers: { "If-Match": `"${version}"` } });
  if (conflict.status !== 412) throw new Error();
  const invalid = await api.createTask({ title: "Feed the cat", project_id: id });
  if (invalid.status !== 422) throw new Error();

  const imported = await api.importTasksCsv({ file: new Blob(["title\nBuy bread\n"]) }, { dry_run: false });
  if (imported.status !== 200) throw new Error(imported.data.code);
  const table = await api.exportTasksCsv();
  if (table.status !== 200) throw new Error(table.data.code);
  const file = await api.exportTasksJson();
  if (file.status !== 200) throw new Error(file.data.code);
  const batch = await api.changeTasks({
    operations: [{ op: "create", data: { title: "Call Ada" } }, { op: "delete", id }],
  });
  if (batch.status !== 200) throw new Error();

  console.log(JSON.stringify({
    titles,
    filtered: filtered.data.items.map((task) => task.title),
    patched: [patched.data.due_date, patched.data.priority, patched.data.labels],
    conflict: conflict.data.current.title,
    invalid: [invalid.data.code, Object.keys(invalid.data.errors.json ?? {})],
    imported: imported.data.created,
    exported: [table.data.split(",", 2), file.data.tasks.length],
    batch: batch.data.results.map((result) => (result.op === "create" ? result.data.title : result.op)),
  }));
}

void main();
