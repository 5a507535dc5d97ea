/* axios with the Task API: interceptors that send the token, and refresh once for all requests that find it stale.

   const api = createApi("/api/v1", new Cookies(), { onSignedOut: () => router.push("/sign-in") });
   await signIn(api, "ada", "analytical engine no 9");
   const { data } = await api.get("/tasks", { params: { status: "todo" } });
*/

import axios from "axios";

import { Bearer } from "../fetch/session.js";

const STALE = new Set(["token_expired", "token_revoked", "token_invalid"]);

export function createApi(baseURL, session = new Bearer(), { onSignedOut = () => {}, ...options } = {}) {
  const defaults = { baseURL, withCredentials: session.credentials === "include", ...options };
  const api = axios.create(defaults);
  const bare = axios.create(defaults); // a refresh that waits for a refresh would wait for ever
  let refreshing = null;

  async function refresh(mark) {
    if (session.mark !== mark) return; // done meanwhile
    const { headers, body } = session.refreshing();
    try {
      await bare.post("/auth/refresh", body, { headers });
    } catch (error) {
      if (error.response?.status === 401) {
        session.forget();
        onSignedOut();
      }
      throw error;
    }
  }

  /* Whatever brings tokens (a sign-in, a refresh, a new password, ending all sessions) replaces ours. */
  function keep(response) {
    if (response.data?.token_type) session.keep(response.data);
    return response;
  }

  bare.interceptors.response.use(keep);

  api.interceptors.request.use((config) => {
    config.mark = session.mark;
    config.headers.set(session.headers(config.method.toUpperCase()));
    return config;
  });

  api.interceptors.response.use(keep, async (error) => {
    const { config, response } = error;
    if (!STALE.has(response?.data?.code) || config.again) throw error;
    refreshing ??= refresh(config.mark).finally(() => (refreshing = null));
    await refreshing;
    return api({ ...config, again: true });
  });

  return Object.assign(api, { session, bare });
}

export async function signIn(api, username, password) {
  await api.bare.post("/auth/login", { username, password, ...api.session.asks });
}
