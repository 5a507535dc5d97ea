/** The errors and warnings of an import, by row. */

const NAMES = { projects: "Project", labels: "Label" };
const HEADER_ROWS = 1;

/** Return the errors of a rejected file: `{place, messages}` for each row, or for the file; empty if there are none.
 *
 * Rows of a CSV file are numbered as a spreadsheet does, with the header as row 1.
 */
export function errorsByRow(problem, form) {
  return Object.entries(problem.errors?.[form] ?? {}).flatMap(([key, errors]) => {
    if (/^\d+$/u.test(key)) {
      return [{ place: placeOf(Number(key), form), messages: flatten(errors) }];
    }
    if (key === "_schema") return [{ place: "File", messages: flatten(errors) }];
    if (!NAMES[key] || Array.isArray(errors)) return [{ place: `“${key}”`, messages: flatten(errors) }];
    return Object.entries(errors).map(([index, each]) => ({
      place: `${NAMES[key]} ${Number(index) + 1}`,
      messages: flatten(each),
    }));
  });
}

/** Return the warnings of an import, in the same form. */
export function warningsByRow(imported, form) {
  return (imported.warnings ?? []).map(({ row, message }) => ({
    place: row === null ? "File" : placeOf(row, form),
    messages: [message],
  }));
}

function placeOf(index, form) {
  return form === "csv" ? `Row ${index + 1 + HEADER_ROWS}` : `Task ${index + 1}`;
}

/** Return the messages of nested errors, each with the name of its field. */
function flatten(errors, name = "") {
  if (Array.isArray(errors)) return errors.map((message) => (name ? `${name}: ${message}` : message));
  if (typeof errors === "string") return flatten([errors], name);
  return Object.entries(errors).flatMap(([key, each]) =>
    flatten(each, [name, /^(_schema|\d+)$/u.test(key) ? "" : key].filter(Boolean).join(" ")),
  );
}
