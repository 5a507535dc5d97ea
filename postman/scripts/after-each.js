// After each answer: it is one of the service's, and what tokens it brings are kept.
pm.test("It has an id, which the log knows too", () => pm.response.to.have.header("X-Request-ID"));

const tokens =
  /\/(auth\/(login|refresh|verify-password|sessions)|me\/password)$/.test(pm.request.url.getPath()) &&
  pm.response.code === 200 &&
  pm.response.json().access_token;
if (tokens) {
  const { access_token, refresh_token, expires_in, session_id } = pm.response.json();
  const kept = { access_token, refresh_token, session_id, expires_at: Date.now() + expires_in * 1000 };
  kept.is_fresh = !/\/(refresh|sessions)$/.test(pm.request.url.getPath());
  for (const [name, value] of Object.entries(kept)) {
    if (value) pm.collectionVariables.set(name, value);
  }
}
