/* axios with the Task API: interceptors send the token, and refresh it once for all requests that need it.

   const api = createApi("/api/v1", new Cookies(), { onSignedOut: () => router.push("/sign-in") });
   await signIn(api, "ada", "analytical engine no 9");
   const { data } = await api.get("/tasks", { params: { status: "todo" } });
*/

import axios from "axios";

import { Bearer } from "../fetch/session.js";

const REFRESHABLE_CODES = new Set(["token_expired", "token_revoked", "token_invalid"]);

export function createApi(baseURL, session = new Bearer(), { onSignedOut = () => {}, ...options } = {}) {
  const defaults = { baseURL, withCredentials: session.credentials === "include", ...options };
  const api = axios.create(defaults);
  const plainClient = axios.create(defaults); // without interceptors: a refresh must not wait for a refresh
  let refreshing = null;

  async function refresh(generation) {
    if (session.generation !== generation) return; // another request has refreshed
    const { headers, body } = session.refreshRequest();
    try {
      await plainClient.post("/auth/refresh", body, { headers });
    } catch (error) {
      if (error.response?.status === 401) {
        session.clear();
        onSignedOut();
      }
      throw error;
    }
  }

  /* Store the tokens of a response, after a sign-in, a refresh, a password change, or the end of all sessions. */
  function storeTokens(response) {
    if (response.data?.token_type) session.store(response.data);
    return response;
  }

  plainClient.interceptors.response.use(storeTokens);

  api.interceptors.request.use((config) => {
    config.generation = session.generation;
    config.headers.set(session.headers(config.method.toUpperCase()));
    return config;
  });

  api.interceptors.response.use(storeTokens, async (error) => {
    const { config, response } = error;
    if (!REFRESHABLE_CODES.has(response?.data?.code) || config.isRetried) throw error;
    refreshing ??= refresh(config.generation).finally(() => (refreshing = null));
    await refreshing;
    return api({ ...config, isRetried: true });
  });

  return Object.assign(api, { session, plainClient });
}

export async function signIn(api, username, password) {
  await api.plainClient.post("/auth/login", { username, password, ...api.session.loginOptions });
}
