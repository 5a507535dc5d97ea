// Before each request: ensure a valid token by refreshing it or by signing in. Administrators have separate tokens.
// A request that requires a recent password entry gets a fresh token.
const isAdmin = pm.request.url.getPath().startsWith("/api/v1/admin/");
const isOpen = pm.request.auth && pm.request.auth.type === "noauth";
const who = isAdmin ? "admin_" : "";
const MARGIN = 3000; // milliseconds; the request takes some time

const get = (name) => pm.collectionVariables.get(who + name);
const set = (name, value) => pm.collectionVariables.set(who + name, value);

function post(path, body, then) {
  pm.sendRequest(
    {
      url: `${pm.variables.replaceIn("{{base_url}}")}/api/v1/auth/${path}`,
      method: "POST",
      header: { "Content-Type": "application/json" },
      body: { mode: "raw", raw: JSON.stringify(body) },
    },
    (error, response) => then(!error && response.code === 200 ? response.json() : null),
  );
}

function storeTokens(tokens, isFresh) {
  set("access_token", tokens.access_token);
  set("refresh_token", tokens.refresh_token);
  set("expires_at", Date.now() + tokens.expires_in * 1000);
  set("is_fresh", isFresh);
}

function signIn() {
  const [username, password] = ["username", "password"].map((name) => pm.variables.get(who + name));
  if (!username) return;
  post("login", { username, password }, (tokens) => tokens && storeTokens(tokens, true));
}

function refresh() {
  post("refresh", { refresh_token: get("refresh_token") }, (tokens) => (tokens ? storeTokens(tokens, false) : signIn()));
}

function hasValidToken() {
  const isFreshEnough = !FRESH.includes(pm.info.requestName) || get("is_fresh");
  return get("access_token") && get("expires_at") - MARGIN > Date.now() && isFreshEnough;
}

// Runs for each request. A script gets a copy of the variables, so two requests sent at the same time both refresh.
// The service then returns the same successor to both
function ensureToken() {
  if (hasValidToken()) return;
  if (get("refresh_token") && !FRESH.includes(pm.info.requestName)) refresh();
  else signIn();
}

if (isAdmin && !pm.variables.get("admin_username")) {
  console.log("Skipped: the environment has no administrator.");
  pm.execution.skipRequest();
} else if (!isOpen) {
  ensureToken();
}
