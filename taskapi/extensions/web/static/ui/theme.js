/** Light or dark theme: that of the system until the user chooses one. */

const KEY = "taskapi.theme";

/** Apply the saved theme. */
export function applyTheme() {
  const savedTheme = localStorage.getItem(KEY);
  if (savedTheme) document.documentElement.dataset.theme = savedTheme;
}

/** Return the current theme. */
export function currentTheme() {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  return document.documentElement.dataset.theme ?? (isDark ? "dark" : "light");
}

/** Switch between light and dark. */
export function toggleTheme() {
  const newTheme = currentTheme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = newTheme;
  localStorage.setItem(KEY, newTheme);
}
