import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { unwrap } from "taskapi-client";

import { ErrorMessage } from "./ErrorMessage";
import { api, sessionChanged } from "./api";

interface Credentials {
  username: string;
  password: string;
  isNew: boolean;
}

export function SignIn() {
  const signIn = useMutation({
    mutationFn: async ({ isNew, ...credentials }: Credentials) => {
      if (isNew) await unwrap(api.POST("/api/v1/auth/register", { body: credentials }));
      await api.login(credentials);
    },
    onSuccess: sessionChanged,
  });

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const button = (event.nativeEvent as SubmitEvent).submitter as HTMLButtonElement | null;
    const [username, password] = [String(form.get("username")), String(form.get("password"))];
    signIn.mutate({ username, password, isNew: button?.value === "new" });
  }

  return (
    <main className="sign-in">
      <h1>Tasks</h1>
      <form className="card" onSubmit={submit}>
        <label>
          Username
          <input name="username" autoComplete="username" autoCapitalize="none" required />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <ErrorMessage error={signIn.error} />
        <button className="primary" disabled={signIn.isPending}>
          Sign in
        </button>
        <button value="new" disabled={signIn.isPending}>
          Create an account
        </button>
      </form>
    </main>
  );
}
