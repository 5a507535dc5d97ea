import {
  AuthApi, Configuration, type Problem, ResponseError, TasksApi, type TaskVersionMismatch, type ValidationProblem,
} from "./client";

declare const process: { env: Record<string, string> };
const basePath = process.env.ADDRESS;
const credentials = { username: process.env.NEW_USER, password: process.env.PASSWORD };

/** The client throws the responses that are errors. */
async function failure<T extends Problem>(request: Promise<unknown>): Promise<T> {
  try {
    await request;
  } catch (error) {
    if (error instanceof ResponseError) return (await error.response.json()) as T;
    throw error;
  }
  throw new Error("The request succeeded.");
}

async function main() {
  const auth = new AuthApi(new Configuration({ basePath }));
  await auth.register({ register: credentials });
  const tokens = await auth.login({ login: credentials });
  const refreshed = await auth.refresh({ refresh: { refreshToken: tokens.refreshToken } });
  const api = new TasksApi(new Configuration({ basePath, accessToken: refreshed.accessToken }));

  const created = await api.createTask({
    taskCreate: { title: "Water the plants", priority: "high", dueDate: new Date("2030-06-01"), labels: ["home"] },
  });
  const taskId = created.id;
  await api.createTask({ taskCreate: { title: "Feed the cat", status: "in_progress" } });
  // @ts-expect-error: not a status
  await failure(api.createTask({ taskCreate: { title: "Feed the dog", status: "open" } }));

  const titles: string[] = [];
  for (let cursor: string | undefined | null; cursor !== null; ) {
    const page = await api.listTasks({ limit: 1, sort: "title", cursor });
    titles.push(page.items[0].title);
    cursor = page.nextCursor;
  }
  const filtered = await api.listTasks({
    priority: ["high", "low"], label: ["home"], dueAfter: "2030-05-31", overdue: false,
  });

  const patched = await api.updateTask({ taskId, taskPatch: { dueDate: null } });
  const conflict = await failure<TaskVersionMismatch>(
    api.updateTask({ taskId, taskPatch: { title: "Water the ferns" }, ifMatch: `"${created.version}"` }),
  );
  const invalid = await failure<ValidationProblem>(api.createTask({ taskCreate: { title: "Feed the cat", projectId: taskId } }));

  const imported = await api.importTasksCsv({ file: new Blob(["title\nBuy bread\n"]), dryRun: false });
  const table = await api.exportTasksCsv();
  const file = await api.exportTasksJson();
  const batch = await api.changeTasks({
    batch: { operations: [{ op: "create", data: { title: "Call Ada" } }, { op: "delete", id: taskId }] },
  });

  console.log(JSON.stringify({
    titles,
    filtered: filtered.items.map((task) => task.title),
    patched: [patched.dueDate, patched.priority, patched.labels],
    conflict: conflict.current.title,
    invalid: [invalid.code, Object.keys(invalid.errors.json ?? {})],
    imported: imported.created,
    exported: [table.split(",", 2), file.tasks.length],
    batch: batch.results.map((result) => (result.op === "create" ? result.data.title : result.op)),
  }));
}

void main();
