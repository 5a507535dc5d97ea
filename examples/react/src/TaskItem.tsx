import { useState, type FormEvent } from "react";

import { ErrorMessage } from "./ErrorMessage";
import { Choice, PRIORITIES, STATUSES } from "./Filters";
import type { Task } from "./api";
import { useUpdateTask, type Changes, type Conflict } from "./useUpdateTask";

export function TaskItem({ task }: { task: Task }) {
  const [edited, setEdited] = useState<Task | null>(null); // as it was when the user began to edit
  const { save, error, conflict, dismiss } = useUpdateTask(task);
  const isDone = task.status === "done";

  function saveEdited(changes: Changes) {
    if (edited && Object.keys(changes).length > 0) save(changes, edited);
    setEdited(null);
  }

  return (
    <li className="card" aria-label={task.title}>
      <div className="row">
        <input
          type="checkbox"
          aria-label={`Done: ${task.title}`}
          checked={isDone}
          onChange={() => save({ status: isDone ? "todo" : "done" })}
        />
        <span className={isDone ? "title done" : "title"}>{task.title}</span>
        <span className="details">
          {task.status === "in_progress" && <span>In progress</span>}
          {task.priority !== "none" && <span className={task.priority}>{PRIORITIES[task.priority]}</span>}
          {task.due_date && <time dateTime={task.due_date}>{formatDay(task.due_date)}</time>}
        </span>
        <button aria-expanded={edited !== null} onClick={() => setEdited(edited ? null : task)}>
          Edit<span className="hidden"> {task.title}</span>
        </button>
      </div>
      {edited && <TaskForm task={edited} onSave={saveEdited} onCancel={() => setEdited(null)} />}
      {conflict && (
        <ConflictMessage
          conflict={conflict}
          onApply={() => save(conflict.changes, conflict.current)}
          onDismiss={dismiss}
        />
      )}
      <ErrorMessage error={error} />
    </li>
  );
}

interface FormProps {
  task: Task;
  onSave: (changes: Changes) => void;
  onCancel: () => void;
}

function TaskForm({ task, onSave, onCancel }: FormProps) {
  /* Send only what the user has changed: a field of the form must not undo a change of somebody else. */
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = Object.fromEntries(new FormData(event.currentTarget)) as Record<keyof Changes, string>;
    const values = { ...form, due_date: form.due_date || null } as Required<Changes>;
    const names = Object.keys(values) as (keyof Changes)[];
    onSave(Object.fromEntries(names.filter((name) => values[name] !== task[name]).map((name) => [name, values[name]])));
  }

  return (
    <form className="edit" onSubmit={submit} onKeyDown={(event) => event.key === "Escape" && onCancel()}>
      <input name="title" aria-label="Title" defaultValue={task.title} maxLength={200} required autoFocus />
      <Choice label="Status" name="status" options={STATUSES} defaultValue={task.status} />
      <Choice label="Priority" name="priority" options={PRIORITIES} defaultValue={task.priority} />
      <input name="due_date" type="date" aria-label="Due date" defaultValue={task.due_date ?? ""} />
      <button className="primary">Save</button>
      <button type="button" onClick={onCancel}>
        Cancel
      </button>
    </form>
  );
}

interface ConflictProps {
  conflict: Conflict;
  onApply: () => void;
  onDismiss: () => void;
}

function ConflictMessage({ conflict: { current }, onApply, onDismiss }: ConflictProps) {
  return (
    <div role="alert" className="conflict">
      <p>
        This task was changed on another device. It is now “{current.title}” ({STATUSES[current.status]},{" "}
        {PRIORITIES[current.priority]}). Your change is not saved.
      </p>
      <button className="primary" onClick={onApply}>
        Apply my change
      </button>
      <button onClick={onDismiss}>Keep the other one</button>
    </div>
  );
}

function formatDay(day: string): string {
  return new Date(`${day}T00:00`).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}
