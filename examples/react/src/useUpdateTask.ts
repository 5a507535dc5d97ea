import { useMutation, type InfiniteData } from "@tanstack/react-query";
import { useState } from "react";
import type { Schemas } from "taskapi-client";

import { api, queryClient, type Task } from "./api";

type Page = Schemas["TaskPage"];
export type Changes = Pick<Partial<Task>, "title" | "status" | "priority" | "due_date">;
export interface Conflict {
  current: Task;
  changes: Changes;
}

/* The versions that this page has saved itself. A second change need not wait for the list. */
const savedVersions = new Map<string, number>();

/* Change a task. The lists show the change at once, and the previous task again if the change fails. If somebody else
   has changed the task since it was read, nothing is saved, and `conflict` has both sides. */
export function useUpdateTask(task: Task) {
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const mutationKey = ["tasks", task.id];
  const isLast = () => queryClient.isMutating({ mutationKey }) === 1; // later changes are on the screen already
  const mutation = useMutation({
    mutationKey,
    scope: { id: task.id }, // one change at a time for each task
    mutationFn: ({ changes, read }: { changes: Changes; read: Task }) => {
      const version = Math.max(read.version, savedVersions.get(task.id) ?? 0);
      return api.update("/api/v1/tasks/{task_id}", { path: { task_id: task.id }, body: changes, version });
    },
    onMutate: async ({ changes, read }) => {
      setConflict(null);
      await queryClient.cancelQueries({ queryKey: ["tasks"] });
      showTask({ ...read, ...changes });
    },
    onSuccess: (result, { changes }) => {
      if (isLast()) showTask(result.conflict ? result.current : result.saved);
      if (result.conflict) setConflict({ current: result.current, changes });
      else savedVersions.set(task.id, result.saved.version);
    },
    onError: (_, { read }) => {
      if (isLast()) showTask(read);
    },
    onSettled: (result) => {
      // The list would drop a task that no longer matches its filters, and the conflict with it
      if (isLast() && !result?.conflict) void queryClient.invalidateQueries({ queryKey: ["tasks"] });
    },
  });

  return {
    error: mutation.error,
    conflict,
    dismiss: () => setConflict(null),
    /* `read` is the task that the user has seen. */
    save: (changes: Changes, read: Task = task) => mutation.mutate({ changes, read }),
  };
}

function showTask(shown: Task): void {
  queryClient.setQueriesData<InfiniteData<Page>>({ queryKey: ["tasks"] }, (data) => {
    const replace = (page: Page) => ({ ...page, items: page.items.map((task) => (task.id === shown.id ? shown : task)) });
    return data && { ...data, pages: data.pages.map(replace) };
  });
}
