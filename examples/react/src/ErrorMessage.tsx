import { ProblemError } from "taskapi-client";

/* The error of a request in one sentence, and the messages of its fields. */
export function ErrorMessage({ error }: { error: Error | null }) {
  if (!error) return null;
  return (
    <div role="alert" className="error">
      {textOf(error)}
    </div>
  );
}

function textOf(error: Error): string {
  if (!(error instanceof ProblemError)) return "The server cannot be reached. Try again later.";
  const fields = Object.entries(error.problem.errors?.json ?? {});
  return fields.map(([name, messages]) => `${name}: ${[messages].flat().join(" ")}`).join(" ") || error.message;
}
