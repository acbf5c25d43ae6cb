// live.js - Server-Sent Events of everything that changes, as one stream for all that is on the page.
//
//   const stop = listen(({type, data}) => …)   type: "artifact" "run" "progress" "config" "open" …
// The browser connects again by itself; when it gives up, so do we, a little later each time.

const listeners = new Set();
// A server that holds no connection ends each answer and is asked again at once: only a longer silence is one.
const SILENCE_MS = 5000;
let source = null, wait = 1000, timer = 0, silence = 0, gone = true, onState = () => {};
const KINDS = ["artifact", "run", "progress", "config", "jobs", "status", "message"];

export const onStream = (call) => { onState = call; };

function tell(type, text) {
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    return; // half a line of a connection that was cut
  }
  for (const listener of [...listeners]) listener({ type, data });
}

export function connect() {
  clearTimeout(timer);
  if (source) source.close();
  source = new EventSource("api/v1/events");
  for (const kind of KINDS) source.addEventListener(kind, (event) => tell(kind, event.data));
  source.onopen = () => {
    wait = 1000;
    clearTimeout(silence);
    silence = 0;
    onState(true);
    // What was missed while nobody listened is read anew.
    if (gone) tell("open", null);
    gone = false;
  };
  source.onerror = () => {
    silence ||= setTimeout(() => { gone = true; silence = 0; onState(false); }, SILENCE_MS);
    if (source.readyState !== EventSource.CLOSED) return;
    timer = setTimeout(connect, wait);
    wait = Math.min(wait * 2, 15000);
  };
}

export function disconnect() {
  clearTimeout(timer);
  clearTimeout(silence);
  silence = 0;
  if (source) source.close();
  source = null;
}

export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
