/** The application shell: sidebar, top bar, main content, open task. Narrow screens show one of them at a time. */

import { changeFeed, isServerReachable } from "../data/change_feed.js";
import { outboxEvents, pendingOperations } from "../data/outbox.js";
import { isSyncBlocked } from "../data/sync_queue.js";
import { VIEWS } from "../data/views.js";
import { accountPage } from "./account.js";
import { adminPage } from "./admin.js";
import { isAdmin } from "./current_user.js";
import { h, icon, setChildren } from "./dom.js";
import { showHelp } from "./help.js";
import { reminderRegion } from "./reminders.js";
import { currentRoute, navigate, routerEvents } from "./router.js";
import { sidebar } from "./sidebar.js";
import { taskDetail } from "./task_detail.js";
import { taskList, taskListHeader } from "./task_list.js";
import { currentTheme, toggleTheme } from "./theme.js";
import { toastRegion } from "./toast.js";
import { showUnsavedChanges } from "./unsaved_changes.js";

const narrow = matchMedia("(max-width: 760px)");
const syncButton = h("button", { class: "state", on: { click: showUnsavedChanges } });
const syncStatus = h("span", { class: "unseen", role: "status" });
const main = h("main", { id: "main", tabindex: "-1" });
const menu = h(
  "button",
  { class: "quiet", id: "menu", "aria-label": "Lists", "aria-controls": "sidebar", on: { click: toggleMenu } },
  icon("menu"),
);
let areas = {};
let shownPage = "";

/** Render the shell into the page. */
export function showShell(root) {
  areas = { nav: sidebar(), pane: taskDetail(), rows: taskList() };
  setChildren(
    root,
    h("button", { class: "skip", on: { click: () => main.focus() } }, "Skip to content"),
    areas.nav,
    h("div", { class: "veil", on: { click: toggleMenu } }),
    h("div", { class: "middle" }, topbar(), main),
    areas.pane,
    reminderRegion(),
    toastRegion(),
  );
  for (const source of [outboxEvents, changeFeed])
    for (const event of ["change", "reach"]) source.addEventListener(event, drawSyncStatus);
  routerEvents.addEventListener("change", draw);
  narrow.addEventListener("change", drawMenu);
  draw();
  drawSyncStatus();
}

function topbar() {
  const themeButton = h("button", {
    class: "quiet",
    title: "Switch theme",
    on: {
      click: () => {
        toggleTheme();
        updateThemeButton();
      },
    },
  });
  const updateThemeButton = () => {
    themeButton.setAttribute("aria-label", currentTheme() === "dark" ? "Use light theme" : "Use dark theme");
    setChildren(themeButton, icon(currentTheme() === "dark" ? "sun" : "moon"));
  };
  updateThemeButton();
  return h(
    "header",
    { class: "topbar" },
    menu,
    h("span", { class: "space" }),
    syncButton,
    syncStatus,
    themeButton,
    h(
      "button",
      { class: "quiet", "aria-label": "Help and keyboard shortcuts", title: "Help (?)", on: { click: showHelp } },
      icon("help"),
    ),
  );
}

function draw() {
  const { view, param } = currentRoute();
  const isSearching = view === "search" && areas.nav.contains(document.activeElement);
  if (!isSearching) areas.nav.toggleAttribute("data-open", false);
  drawMenu();
  const pageKey = JSON.stringify([view, param]);
  if (pageKey === shownPage) {
    if (VIEWS[view]) taskListHeader(); // the "Show completed" button may have changed
    return;
  }
  const isFirstPage = !shownPage;
  shownPage = pageKey;
  setChildren(main, ...pageContents(view, param));
  if (!isFirstPage && view !== "search") main.querySelector("h1")?.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function pageContents(view, param) {
  if (VIEWS[view]) return [taskListHeader(), areas.rows];
  if (view === "account") return [accountPage(param)];
  if (view === "admin" && isAdmin()) return [adminPage(param)];
  navigate({ view: "today" }, { replace: true });
  return [];
}

function drawSyncStatus() {
  const operations = pendingOperations();
  const isStuck = !isServerReachable() || isSyncBlocked();
  const failed = operations.filter((each) => each.failure).length;
  const text = [
    !isServerReachable() && "Offline",
    failed ? `${failed} to review` : operations.length && isStuck && `${operations.length} waiting`,
  ]
    .filter(Boolean)
    .join(" · ");
  syncButton.hidden = !text;
  Object.assign(syncButton.dataset, { tone: failed ? "bad" : "quiet" });
  if (syncButton.textContent === text) return;
  setChildren(syncButton, text);
  syncStatus.textContent = text || "All changes are saved.";
}

function toggleMenu() {
  areas.nav.toggleAttribute("data-open");
  drawMenu();
  if (areas.nav.hasAttribute("data-open")) areas.nav.querySelector("a")?.focus();
  else menu.focus();
}

/** On a narrow screen the keyboard must not reach the parts that are covered. */
function drawMenu() {
  const isOpen = areas.nav.hasAttribute("data-open");
  menu.setAttribute("aria-expanded", String(isOpen));
  areas.nav.inert = narrow.matches && !isOpen;
  main.parentElement.inert = narrow.matches && (isOpen || Boolean(currentRoute().task));
}
