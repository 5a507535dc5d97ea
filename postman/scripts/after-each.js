// After each response: check that it has a request id, and store its tokens.
pm.test("The response has a request id", () => pm.response.to.have.header("X-Request-ID"));

const tokens =
  /\/(auth\/(login|passkeys|second-factor|openid\/exchange|refresh|verify-password|sessions)|me\/(password|second-factor\/\w+))$/.test(pm.request.url.getPath()) &&
  pm.response.code === 200 &&
  pm.response.json().access_token;
if (tokens) {
  const { access_token, refresh_token, expires_in, session_id } = pm.response.json();
  const stored = { access_token, refresh_token, session_id, expires_at: Date.now() + expires_in * 1000 };
  stored.is_fresh = !/\/(refresh|sessions|exchange|confirm|disable)$/.test(pm.request.url.getPath());
  for (const [name, value] of Object.entries(stored)) {
    if (value) pm.collectionVariables.set(name, value);
  }
}
