import type { AuthProvider } from "react-admin";
import { unwrap } from "taskapi-client";

import { api } from "./api";

/* The client refreshes tokens itself. A request fails with 401 only if the session has ended. */
export const authProvider: AuthProvider = {
  login: ({ username, password }) => api.login({ username, password }),
  logout: async () => {
    if (api.isSignedIn()) await api.logout();
  },
  checkAuth: () => (api.isSignedIn() ? Promise.resolve() : Promise.reject({ message: false })), // false: show no notice
  checkError: ({ status }) => (status === 401 ? Promise.reject() : Promise.resolve()),
  getIdentity: async () => {
    const account = await unwrap(api.GET("/api/v1/me"));
    return { id: account.id, fullName: account.name ?? account.username };
  },
};
