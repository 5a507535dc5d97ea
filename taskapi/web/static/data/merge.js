/** Two edits of one task: what clashes, field by field. A due day and a due instant are one field here. */

const FIELDS = {
  title: ["title"],
  description: ["description"],
  status: ["status"],
  priority: ["priority"],
  due: ["due_date", "due_at"],
  project: ["project_id"],
  parent: ["parent_id"],
  labels: ["labels"],
};

/** Return the fields that `changes` and `theirs` both changed since `base`, and not to the same. */
export function conflicts(base, changes, theirs) {
  return Object.keys(FIELDS).filter((field) => {
    const names = FIELDS[field].filter((name) => name in changes);
    if (!names.length) return false;
    return FIELDS[field].some(
      (name) => !same(base[name], theirs[name]) && !same(wanted(base, changes, name), theirs[name]),
    );
  });
}

/** Return what of `changes` is still to be said to a task that is like `current`. */
export function remaining(changes, current) {
  return Object.fromEntries(Object.entries(changes).filter(([name, value]) => !same(value, current[name])));
}

/** Return `changes` without those of a field. */
export function without(changes, field) {
  return Object.fromEntries(Object.entries(changes).filter(([name]) => !FIELDS[field].includes(name)));
}

/** Tell whether two values of a task are the same. */
export function same(one, other) {
  return JSON.stringify(plain(one)) === JSON.stringify(plain(other));
}

function wanted(base, changes, name) {
  return name in changes ? changes[name] : base[name];
}

function plain(value) {
  if (Array.isArray(value)) return value.map((each) => each.toLowerCase()).sort();
  return value === "" || value === undefined ? null : value;
}
