/** What the server offers, as a part of the page:
 * `{registration, trash_days, mail, openid, passkeys, second_factor, routes}`.
 */
export const server = JSON.parse(document.querySelector("meta[name=server]").content);

/** Whether the server has an optional route of the API. */
export function hasRoute(path) {
  return server.routes.includes(path);
}
