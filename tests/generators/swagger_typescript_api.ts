import {
  Api, type HttpResponse, type Problem, type TaskPage, TaskPriority, TaskStatus, type TaskVersionMismatch,
  type ValidationProblem,
} from "./client/api";

declare const process: { env: Record<string, string> };
const credentials = { username: process.env.NEW_USER, password: process.env.PASSWORD };

/** The client throws the responses that are errors. */
async function failure<T extends Problem>(request: Promise<unknown>): Promise<T> {
  return request.then(
    () => Promise.reject(new Error("The request succeeded.")),
    (response: HttpResponse<unknown, T>) => response.error,
  );
}

async function main() {
  const { api, setSecurityData } = new Api<string>({
    baseUrl: process.env.ADDRESS,
    securityWorker: (token) => (token ? { headers: { Authorization: `Bearer ${token}` } } : {}),
  });
  await api.register(credentials);
  const tokens = await api.login(credentials);
  const refreshed = await api.refresh({ refresh_token: tokens.data.refresh_token });
  setSecurityData(refreshed.data.access_token ?? null);

  const created = await api.createTask({
    title: "Water the plants", priority: TaskPriority.High, due_date: "2030-06-01", labels: ["home"],
  });
  const { id, version } = created.data;
  await api.createTask({ title: "Feed the cat", status: TaskStatus.InProgress });
  // @ts-expect-error: not a status
  await failure(api.createTask({ title: "Feed the dog", status: "open" }));

  const titles: string[] = [];
  for (let cursor: string | undefined | null; cursor !== null; ) {
    const page: { data: TaskPage } = await api.listTasks({ limit: 1, sort: "title", cursor });
    titles.push(page.data.items[0].title);
    cursor = page.data.next_cursor;
  }
  const filtered = await api.listTasks({
    priority: [TaskPriority.High, TaskPriority.Low], label: ["home"], due_after: "2030-05-31", overdue: false,
  });

  const patched = await api.updateTask(id, { due_date: null });
  const conflict = await failure<TaskVersionMismatch>(
    api.updateTask(id, { title: "Water the ferns" }, { headers: { "If-Match": `"${version}"` } }),
  );
  const invalid = await failure<ValidationProblem>(api.createTask({ title: "Feed the cat", project_id: id }));

  const imported = await api.importTasksCsv({ file: new File(["title\nBuy bread\n"], "tasks.csv") }, { dry_run: false });
  const table = await api.exportTasksCsv({}, { format: "text" });
  const file = await api.exportTasksJson();
  const batch = await api.changeTasks({
    operations: [{ op: "create", data: { title: "Call Ada" } }, { op: "delete", id }],
  });

  console.log(JSON.stringify({
    titles,
    filtered: filtered.data.items.map((task) => task.title),
    patched: [patched.data.due_date, patched.data.priority, patched.data.labels],
    conflict: conflict.current.title,
    invalid: [invalid.code, Object.keys(invalid.errors.json ?? {})],
    imported: imported.data.created,
    exported: [table.data.split(",", 2), file.data.tasks.length],
    batch: batch.data.results.map((result) => (result.op === "create" ? result.data.title : result.op)),
  }));
}

void main();
