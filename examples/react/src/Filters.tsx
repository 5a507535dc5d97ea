import type { paths } from "taskapi-client";

import type { Task } from "./api";

export type TaskQuery = NonNullable<paths["/api/v1/tasks"]["get"]["parameters"]["query"]>;

export const STATUSES: Record<Task["status"], string> = {
  todo: "To do",
  in_progress: "In progress",
  done: "Done",
  cancelled: "Cancelled",
};
export const PRIORITIES: Record<Task["priority"], string> = {
  none: "No priority",
  low: "Low",
  medium: "Medium",
  high: "High",
  urgent: "Urgent",
};
const SORTS = {
  "-created_at": "Newest first",
  due: "Due first",
  "-priority": "Most urgent first",
  title: "By title",
};

export const OPEN_TASKS: TaskQuery = { status: ["todo", "in_progress"], sort: "-created_at" };

interface Props {
  value: TaskQuery;
  onChange: (value: TaskQuery) => void;
}

export function Filters({ value, onChange }: Props) {
  const statuses = value.status ?? [];
  const toggle = (status: Task["status"]) =>
    statuses.includes(status) ? statuses.filter((each) => each !== status) : [...statuses, status];

  return (
    <section aria-label="Filters" className="filters">
      <input
        type="search"
        aria-label="Search"
        placeholder="Search"
        value={value.q ?? ""}
        onChange={(event) => onChange({ ...value, q: event.target.value || undefined })}
      />
      <Choice
        label="Priority"
        options={{ "": "Any priority", ...PRIORITIES }}
        value={value.priority?.[0] ?? ""}
        onChange={(priority) => onChange({ ...value, priority: priority ? [priority] : undefined })}
      />
      <Choice label="Order" options={SORTS} value={value.sort ?? ""} onChange={(sort) => onChange({ ...value, sort })} />
      <fieldset>
        <legend className="hidden">Status</legend>
        {entries(STATUSES).map(([status, label]) => (
          <label key={status} className="chip">
            <input
              type="checkbox"
              checked={statuses.includes(status)}
              onChange={() => onChange({ ...value, status: toggle(status) })}
            />
            {label}
          </label>
        ))}
      </fieldset>
    </section>
  );
}

interface ChoiceProps<Name extends string> {
  label: string;
  name?: string;
  options: Record<Name, string>;
  value?: string;
  defaultValue?: string;
  onChange?: (name: Name) => void;
}

export function Choice<Name extends string>({ label, options, onChange, ...props }: ChoiceProps<Name>) {
  return (
    <select aria-label={label} onChange={onChange && ((event) => onChange(event.target.value as Name))} {...props}>
      {entries(options).map(([name, text]) => (
        <option key={name} value={name}>
          {text}
        </option>
      ))}
    </select>
  );
}

function entries<Name extends string>(texts: Record<Name, string>): [Name, string][] {
  return Object.entries(texts) as [Name, string][];
}
