// Before each request: whom it speaks for has a token that is good, by refreshing it or by signing in.
// Administrators have tokens of their own, and what asks for a recent password entry gets one.
const isAdmin = pm.request.url.getPath().startsWith("/api/v1/admin/");
const isOpen = pm.request.auth && pm.request.auth.type === "noauth";
const who = isAdmin ? "admin_" : "";
const MARGIN = 3000; // milliseconds; for the way there

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
    (error, answer) => then(!error && answer.code === 200 ? answer.json() : null),
  );
}

function keep(tokens, isFresh) {
  set("access_token", tokens.access_token);
  set("refresh_token", tokens.refresh_token);
  set("expires_at", Date.now() + tokens.expires_in * 1000);
  set("is_fresh", isFresh);
}

function signIn() {
  const [username, password] = ["username", "password"].map((name) => pm.variables.get(who + name));
  if (!username) return;
  post("login", { username, password }, (tokens) => tokens && keep(tokens, true));
}

function refresh() {
  post("refresh", { refresh_token: get("refresh_token") }, (tokens) => (tokens ? keep(tokens, false) : signIn()));
}

function isGood() {
  const isFreshEnough = !FRESH.includes(pm.info.requestName) || get("is_fresh");
  return get("access_token") && get("expires_at") - MARGIN > Date.now() && isFreshEnough;
}

// Once for each request. Postman hands a script a copy of the variables, so that two requests sent at the same moment
// both refresh; the service then gives both the same successor
function ensureToken() {
  if (isGood()) return;
  if (get("refresh_token") && !FRESH.includes(pm.info.requestName)) refresh();
  else signIn();
}

if (isAdmin && !pm.variables.get("admin_username")) {
  console.log("Skipped: the environment names no administrator.");
  pm.execution.skipRequest();
} else if (!isOpen) {
  ensureToken();
}
