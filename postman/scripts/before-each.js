// Before each request: whom it speaks for has a token that is good, by refreshing it or by signing in.
// Administrators have tokens of their own, and what asks for a recent password entry gets one.
const isAdmin = pm.request.url.getPath().startsWith("/api/v1/admin/");
const isOpen = pm.request.auth && pm.request.auth.type === "noauth";
const who = isAdmin ? "admin_" : "";
const MARGIN = 3000; // milliseconds; for the way there
const PATIENCE = 10000; // a refresh that takes longer has failed

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
    (error, answer) => then(error ? 0 : answer.code, error ? {} : answer.json()),
  );
}

function keep(tokens, isFresh) {
  set("access_token", tokens.access_token);
  set("refresh_token", tokens.refresh_token);
  set("expires_at", Date.now() + tokens.expires_in * 1000);
  set("is_fresh", isFresh);
  set("refreshing_until", 0);
}

function signIn() {
  const [username, password] = ["username", "password"].map((name) => pm.variables.get(who + name));
  if (!username) return set("refreshing_until", 0);
  post("login", { username, password }, (status, answer) => {
    if (status === 200) keep(answer, true);
    else set("refreshing_until", 0);
  });
}

function refresh() {
  post("refresh", { refresh_token: get("refresh_token") }, (status, answer) => {
    if (status === 200) keep(answer, false);
    else signIn();
  });
}

function isGood() {
  const isFreshEnough = !FRESH.includes(pm.info.requestName) || get("is_fresh");
  return get("access_token") && get("expires_at") - MARGIN > Date.now() && isFreshEnough;
}

// Requests that are sent together refresh once: the first does, the others wait for its token
function ensureToken() {
  if (isGood()) return;
  if (get("refreshing_until") > Date.now()) return setTimeout(ensureToken, 50);
  set("refreshing_until", Date.now() + PATIENCE);
  if (get("refresh_token") && !FRESH.includes(pm.info.requestName)) refresh();
  else signIn();
}

if (isAdmin && !pm.variables.get("admin_username")) {
  console.log("Skipped: the environment names no administrator.");
  pm.execution.skipRequest();
} else if (!isOpen) {
  ensureToken();
}
