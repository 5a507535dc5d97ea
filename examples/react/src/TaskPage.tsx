import { keepPreviousData, useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useDeferredValue, useEffect, useRef, useState, type FormEvent } from "react";
import { unwrap } from "taskapi-client";

import { ErrorMessage } from "./ErrorMessage";
import { Filters, OPEN_TASKS } from "./Filters";
import { TaskItem } from "./TaskItem";
import { api, queryClient } from "./api";

export function TaskPage() {
  const [filters, setFilters] = useState(OPEN_TASKS);
  const query = useDeferredValue(filters);
  const list = useInfiniteQuery({
    queryKey: ["tasks", query],
    queryFn: ({ pageParam: cursor, signal }) =>
      unwrap(api.GET("/api/v1/tasks", { params: { query: { ...query, cursor } }, signal })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
  const tasks = list.data?.pages.flatMap((page) => page.items) ?? [];

  return (
    <main>
      <NewTask />
      <Filters value={filters} onChange={setFilters} />
      <ErrorMessage error={list.error} />
      {list.isError && <button onClick={() => list.refetch()}>Try again</button>}
      {/* While the list of new filters loads, the former one stays in view. It is not in the cache under its new key, so
          a change would not show there, and the user cannot make one. */}
      <ul aria-label="Tasks" aria-busy={list.isFetching} inert={list.isPlaceholderData} className="tasks">
        {tasks.map((task) => (
          <TaskItem key={task.id} task={task} />
        ))}
      </ul>
      {list.isSuccess && tasks.length === 0 && <p className="empty">No task matches the filters.</p>}
      {list.hasNextPage && <MoreButton isBusy={list.isFetching} onMore={() => void list.fetchNextPage()} />}
    </main>
  );
}

function NewTask() {
  const create = useMutation({
    mutationFn: (title: string) => unwrap(api.POST("/api/v1/tasks", { body: { title } })),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["tasks"] }),
  });

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    create.mutate(String(new FormData(form).get("title")), { onSuccess: () => form.reset() });
  }

  return (
    <form className="new-task" onSubmit={submit}>
      <input name="title" aria-label="New task" placeholder="New task" maxLength={200} required />
      <button className="primary" disabled={create.isPending}>
        Add
      </button>
      <ErrorMessage error={create.error} />
    </form>
  );
}

/* Loads the next page when the user scrolls to it. It is a button, so that the keyboard reaches it too. */
function MoreButton({ isBusy, onMore }: { isBusy: boolean; onMore: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (isBusy || !button.current) return;
    const observer = new IntersectionObserver(([entry]) => entry.isIntersecting && onMore(), { rootMargin: "300px" });
    observer.observe(button.current);
    return () => observer.disconnect();
  }, [isBusy, onMore]);

  return (
    <button ref={button} className="more" disabled={isBusy} onClick={onMore}>
      {isBusy ? "Loading…" : "Load more"}
    </button>
  );
}
