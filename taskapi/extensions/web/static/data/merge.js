/** Detects conflicts between two edits of a task, field by field. `due_date` and `due_at` count as one field. */

const FIELD_NAMES = {
  title: ["title"],
  description: ["description"],
  status: ["status"],
  priority: ["priority"],
  due: ["due_date", "due_at"],
  recurrence: ["recurrence", "recurrence_from"],
  reminders: ["reminders"],
  project: ["project_id"],
  parent: ["parent_id"],
  labels: ["labels"],
};

/** Return the fields that `changes` and `theirs` both changed since `base`, to different values. */
export function findConflicts(base, changes, theirs) {
  return Object.keys(FIELD_NAMES).filter((field) => {
    const names = FIELD_NAMES[field].filter((name) => name in changes);
    if (!names.length) return false;
    return FIELD_NAMES[field].some(
      (name) => !isSame(base[name], theirs[name]) && !isSame(valueAfter(base, changes, name), theirs[name]),
    );
  });
}

/** Return the changes that still differ from `current`. */
export function remainingChanges(changes, current) {
  return Object.fromEntries(Object.entries(changes).filter(([name, value]) => !isSame(value, current[name])));
}

/** Return the changes without those of a field. */
export function withoutField(changes, field) {
  return Object.fromEntries(Object.entries(changes).filter(([name]) => !FIELD_NAMES[field].includes(name)));
}

/** Whether two values of a task are equal. */
export function isSame(one, other) {
  return JSON.stringify(normalize(one)) === JSON.stringify(normalize(other));
}

function valueAfter(base, changes, name) {
  return name in changes ? changes[name] : base[name];
}

function normalize(value) {
  if (Array.isArray(value)) return value.map((each) => each.toLowerCase()).sort();
  return value === "" || value === undefined ? null : value;
}
