/** The frame: sidebar, head, what the place shows, the open task; on a narrow screen one at a time. */

import { isHeldUp } from "../data/courier.js";
import { feed, isReachable } from "../data/follow.js";
import { outbox, waiting } from "../data/outbox.js";
import { VIEWS } from "../data/views.js";
import { accountPage } from "./account.js";
import { adminPage } from "./admin.js";
import { detail } from "./detail.js";
import { fill, h, icon } from "./dom.js";
import { showHelp } from "./help.js";
import { list, listHead } from "./list.js";
import { go, place, router } from "./router.js";
import { sidebar } from "./sidebar.js";
import { isAdmin } from "./standing.js";
import { theme, toggleTheme } from "./theme.js";
import { toasts } from "./toast.js";
import { showWaiting } from "./unsaved.js";

const narrow = matchMedia("(max-width: 760px)");
const state = h("button", { class: "state", on: { click: showWaiting } });
const stateSays = h("span", { class: "unseen", role: "status" });
const main = h("main", { id: "main", tabindex: "-1" });
const menu = h(
  "button",
  { class: "quiet", id: "menu", "aria-label": "Lists", "aria-controls": "sidebar", on: { click: toggleMenu } },
  icon("menu"),
);
let parts = {};
let shown = "";

/** Put the frame into the page. */
export function shell(root) {
  parts = { nav: sidebar(), pane: detail(), rows: list() };
  fill(
    root,
    h("button", { class: "skip", on: { click: () => main.focus() } }, "Skip to the list"),
    parts.nav,
    h("div", { class: "veil", on: { click: toggleMenu } }),
    h("div", { class: "middle" }, topbar(), main),
    parts.pane,
    toasts(),
  );
  for (const source of [outbox, feed])
    for (const event of ["change", "reach"]) source.addEventListener(event, drawState);
  router.addEventListener("change", draw);
  narrow.addEventListener("change", drawMenu);
  draw();
  drawState();
}

function topbar() {
  const dark = h("button", {
    class: "quiet",
    title: "Light or dark",
    on: {
      click: () => {
        toggleTheme();
        say();
      },
    },
  });
  const say = () => {
    dark.setAttribute("aria-label", theme() === "dark" ? "Use light colours" : "Use dark colours");
    fill(dark, icon(theme() === "dark" ? "sun" : "moon"));
  };
  say();
  return h(
    "header",
    { class: "topbar" },
    menu,
    h("span", { class: "space" }),
    state,
    stateSays,
    dark,
    h(
      "button",
      { class: "quiet", "aria-label": "Keys and help", title: "Keys (?)", on: { click: showHelp } },
      icon("help"),
    ),
  );
}

function draw() {
  const { view, of } = place();
  const searching = view === "search" && parts.nav.contains(document.activeElement);
  if (!searching) parts.nav.toggleAttribute("data-open", false);
  drawMenu();
  const page = JSON.stringify([view, of]);
  if (page === shown) {
    if (VIEWS[view]) listHead(); // its switch says what is shown
    return;
  }
  const first = !shown;
  shown = page;
  fill(main, ...contents(view, of));
  if (!first && view !== "search") main.querySelector("h1")?.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function contents(view, of) {
  if (VIEWS[view]) return [listHead(), parts.rows];
  if (view === "account") return [accountPage(of)];
  if (view === "admin" && isAdmin()) return [adminPage(of)];
  go({ view: "today" }, { replace: true });
  return [];
}

function drawState() {
  const operations = waiting();
  const stuck = !isReachable() || isHeldUp();
  const troubled = operations.filter((each) => each.trouble).length;
  const words = [
    !isReachable() && "Offline",
    troubled ? `${troubled} to look at` : operations.length && stuck && `${operations.length} waiting`,
  ]
    .filter(Boolean)
    .join(" · ");
  state.hidden = !words;
  Object.assign(state.dataset, { tone: troubled ? "bad" : "quiet" });
  if (state.textContent === words) return;
  fill(state, words);
  stateSays.textContent = words || "All changes are saved.";
}

function toggleMenu() {
  parts.nav.toggleAttribute("data-open");
  drawMenu();
  if (parts.nav.hasAttribute("data-open")) parts.nav.querySelector("a")?.focus();
  else menu.focus();
}

/** On a narrow screen what is covered cannot be reached by keys either. */
function drawMenu() {
  const opened = parts.nav.hasAttribute("data-open");
  menu.setAttribute("aria-expanded", String(opened));
  parts.nav.inert = narrow.matches && !opened;
  main.parentElement.inert = narrow.matches && (opened || Boolean(place().task));
}
