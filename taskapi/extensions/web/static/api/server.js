/** What this server offers: `{registration, trash_days, mail, openid, routes}`. It is part of the page. */
export const server = JSON.parse(document.querySelector("meta[name=server]").content);

/** Whether the server has an optional route of the API. */
export function hasRoute(path) {
  return server.routes.includes(path);
}
