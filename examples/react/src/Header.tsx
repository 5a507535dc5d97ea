import { useMutation, useQuery } from "@tanstack/react-query";
import { unwrap } from "taskapi-client";

import { ErrorMessage } from "./ErrorMessage";
import { api, sessionChanged } from "./api";

export function Header() {
  const account = useQuery({ queryKey: ["me"], queryFn: ({ signal }) => unwrap(api.GET("/api/v1/me", { signal })) });
  const signOut = useMutation({
    mutationFn: (everywhere: boolean) => (everywhere ? api.logoutEverywhere() : api.logout()),
    onSuccess: sessionChanged,
  });

  return (
    <header>
      <h1>Tasks</h1>
      <span className="account">{account.data?.name || account.data?.username}</span>
      <button onClick={() => signOut.mutate(false)}>Sign out</button>
      <button onClick={() => signOut.mutate(true)}>Sign out everywhere</button>
      <ErrorMessage error={signOut.error} />
    </header>
  );
}
