/** The sort order and the filters of a list. The URL contains them, so that reloading and going back keep them. */

import { catalog, catalogEvents } from "../data/catalog.js";
import { chosenOptions, countFilters, SORTS, viewSorts, viewStatuses, VIEWS } from "../data/views.js";
import { PRIORITIES } from "../text/quick_add_parser.js";
import { h, icon, setChildren, setChildrenIfChanged } from "./dom.js";
import { currentRoute, updateRoute } from "./router.js";
import { STATUSES } from "./task_fields.js";

const SORT_NAMES = {
  due: "Due date",
  priority: "Priority",
  created_at: "Created",
  title: "Title",
  completed_at: "Completed",
  position: "Manual",
};
const NO_FILTERS = { status: [], priority: [], label: null };

const element = h("form", { class: "controls", id: "controls", "aria-label": "Sort and filter", hidden: true });
catalogEvents.addEventListener("change", draw);

/** Return the controls of the current list. */
export function listControls() {
  draw();
  return element;
}

/** Return the button that shows and hides the controls. */
export function controlsButton() {
  const count = countFilters(currentRoute());
  const { sort } = chosenOptions(currentRoute());
  const toggle = ({ currentTarget }) => {
    element.hidden = !element.hidden;
    currentTarget.setAttribute("aria-expanded", String(!element.hidden));
  };
  return h(
    "button",
    {
      class: "toggle",
      "aria-label": "Sort and filter",
      "aria-description": count ? `${count} active` : null,
      "aria-controls": element.id,
      "aria-expanded": String(!element.hidden),
      title: "Sort and filter",
      data: { active: String(count > 0 || sort !== null), ...(count && { count }) },
      on: { click: toggle },
    },
    icon("filter"),
    h("span", {}, "Filter"),
  );
}

/** Remove the filters from the URL. */
export function clearFilters() {
  updateRoute(NO_FILTERS);
  document.querySelector("main h1").focus();
}

function draw() {
  const route = currentRoute();
  const { view, param } = route;
  if (!VIEWS[view]) return;
  const labels = catalog.labels.map(({ name }) => name).filter((name) => view !== "label" || name !== param);
  setChildrenIfChanged(element, [view, param, labels], () => [
    sortField(view),
    choices("Status", "status", viewStatuses(view), (status) => STATUSES[status]),
    choices("Priority", "priority", PRIORITIES.toReversed(), (name) => name[0].toUpperCase() + name.slice(1)),
    labelField(labels),
    h("button", { type: "button", class: "link clear", on: { click: clearFilters } }, "Clear filters"),
  ]);
  update(chosenOptions(route));
}

/** Show the values of the URL in the controls. */
function update({ sort, status, priority, label }) {
  const { elements } = element;
  elements.sort.value = sort?.replace(/^-/u, "") ?? "";
  elements.label.value = label ?? "";
  for (const box of element.querySelectorAll("[type=checkbox]"))
    box.checked = { status, priority }[box.name].includes(box.value);
  const isDescending = Boolean(sort?.startsWith("-"));
  elements.direction.hidden = !sort || sort === "position";
  elements.direction.setAttribute("aria-label", isDescending ? "Descending" : "Ascending");
  elements.direction.title = isDescending ? "Descending. Sort ascending" : "Ascending. Sort descending";
  setChildren(elements.direction, icon(isDescending ? "down" : "up"));
  element.querySelector(".clear").hidden = !countFilters(currentRoute());
}

function sortField(view) {
  const select = h(
    "select",
    {
      name: "sort",
      id: "controls-sort",
      on: { change: () => updateRoute({ sort: SORTS[select.value]?.usual ?? null }) },
    },
    h("option", { value: "" }, "Usual order"),
    viewSorts(view).map((value) => h("option", { value }, SORT_NAMES[value])),
  );
  const reverse = () => {
    const { sort } = currentRoute();
    updateRoute({ sort: sort.startsWith("-") ? sort.slice(1) : `-${sort}` });
  };
  return h(
    "div",
    { class: "control" },
    h("label", { for: select.id }, "Sort by"),
    h(
      "div",
      { class: "sort-field" },
      select,
      h("button", { type: "button", name: "direction", on: { click: reverse } }),
    ),
  );
}

function choices(legend, name, values, describe) {
  const change = () => {
    const checked = [...element.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value);
    updateRoute({ [name]: checked });
  };
  return h(
    "fieldset",
    { class: "control" },
    h("legend", {}, legend),
    h(
      "div",
      { class: "choice-chips" },
      values.map((value) =>
        h("label", {}, h("input", { type: "checkbox", name, value, on: { change } }), describe(value)),
      ),
    ),
  );
}

function labelField(names) {
  const select = h(
    "select",
    { name: "label", id: "controls-label", on: { change: () => updateRoute({ label: select.value || null }) } },
    h("option", { value: "" }, "Any label"),
    names.map((value) => h("option", { value }, value)),
  );
  return h("div", { class: "control" }, h("label", { for: select.id }, "Label"), select);
}
