/* Requests that were lost, or that the server asks to send again. */

const MAX_ATTEMPTS = 3;
const MAX_WAIT_SECONDS = 10;
const TEMPORARY_STATUSES = [502, 503, 504];

type Fetch = (request: Request) => Promise<Response>;

/** Send a request. Repeat it on temporary errors if that cannot change anything twice. */
export async function deliver(fetch: Fetch, request: Request, isRepeatable = isSafe(request)): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const isLast = !isRepeatable || attempt === MAX_ATTEMPTS;
    let seconds = 0.2 * 2 ** attempt * (0.5 + Math.random());
    try {
      const response = await fetch(request.clone());
      const wanted = Number(response.headers.get("Retry-After"));
      const isTemporary = TEMPORARY_STATUSES.includes(response.status) || wanted > 0;
      if (response.ok || isLast || !isTemporary || wanted > MAX_WAIT_SECONDS) return response;
      seconds = wanted || seconds;
    } catch (error) {
      if (isLast || !(error instanceof TypeError)) throw error; // fetch throws a TypeError if there is no network
    }
    await wait(seconds * 1000, request.signal);
    request.signal.throwIfAborted();
  }
}

/** Wait, but only until `signal` is aborted. */
export function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      done();
    };
    const timer = setTimeout(end, milliseconds);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end);
  });
}

/* With an Idempotency-Key, the server returns the first response again. */
function isSafe(request: Request): boolean {
  return ["GET", "HEAD"].includes(request.method) || request.headers.has("Idempotency-Key");
}
