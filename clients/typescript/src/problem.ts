/* Error responses as exceptions. */

import type { components } from "./schema.js";

type Problem = components["schemas"]["ValidationProblem"]; // has the members of every error, and `errors`
interface Result {
  data?: unknown;
  error?: unknown;
  response: Response;
}
type Data<R> = R extends { data: infer D; error?: never } ? D : never;

/** An error response. `code` identifies the error; `problem` is the whole body. */
export class ProblemError extends Error {
  override name = "ProblemError";
  readonly status: number;
  readonly code: Problem["code"] | undefined;
  readonly problem: Partial<Problem>;

  constructor(body: unknown, response: Response) {
    // A proxy may respond with a page of its own
    const problem = (typeof body === "object" && body !== null ? body : {}) as Partial<Problem>;
    super(problem.detail ?? `The server responded with status ${response.status}.`);
    this.status = response.status;
    this.code = problem.code;
    this.problem = problem;
  }
}

/** The password is right, and the user has a second factor. Send `challenge` with a code, within 5 minutes. */
export class SecondFactorRequired extends ProblemError {
  override name = "SecondFactorRequired";

  get challenge(): string {
    return this.problem.challenge ?? "";
  }
}

/** Return the data of a response, or throw its error. */
export async function unwrap<R extends Result>(call: Promise<R>): Promise<Data<R>> {
  const { data, error, response } = await call;
  if (!response.ok) {
    const { code } = (error ?? {}) as { code?: string };
    throw new (code === "second_factor_required" ? SecondFactorRequired : ProblemError)(error, response);
  }
  return data as Data<R>;
}
