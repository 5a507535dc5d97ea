/** The stream of changes: the server tells at once that something has changed. Without it, the client polls. */

import { changeStreamUrl } from "../api/client.js";
import { hasRoute } from "../api/server.js";

const PAUSE_MS = 60_000; // after the server has refused a stream twice: it has too many, or does not send any

let source = null;
let refusals = 0;
let retryAt = 0;

/** Whether changes arrive by the stream. */
export function isStreaming() {
  return source?.readyState === EventSource.OPEN;
}

/** Open the stream if the page is visible, or close it. `onChange` gets the cursor of the last change; `onError` is
 * called when the stream ends. The browser connects again by itself, unless the server has refused.
 */
export function updateStream(onChange, onError) {
  const isWanted = hasRoute("/changes/stream") && document.visibilityState !== "hidden";
  if (!isWanted) {
    source?.close();
    source = null;
  } else if (source === null && Date.now() >= retryAt) {
    source = openStream(onChange, onError);
  }
}

function openStream(onChange, onError) {
  const stream = new EventSource(changeStreamUrl());
  stream.onopen = () => {
    refusals = 0;
  };
  stream.onmessage = (event) => onChange(event.lastEventId);
  stream.onerror = () => {
    if (stream !== source) return;
    if (stream.readyState === EventSource.CLOSED) {
      source = null;
      refusals += 1; // the first time, the token may only have expired: a poll refreshes it
      retryAt = refusals > 1 ? Date.now() + PAUSE_MS : 0;
    }
    onError();
  };
  return stream;
}
