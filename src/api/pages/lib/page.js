// page.js - what a page is: it loads, draws, and draws again when something changes, until it is left.
//
//   page(place, {load: async () => data, draw: (data) => children, wants: (event) => boolean})
// While it loads for the first time there is a quiet note; later the old picture stays until the new one is there. What
// cannot be read is told in place, and tried again when the server is back.
import { render } from "./dom.js";
import { loading, broken } from "./parts.js";
import { listen } from "./live.js";

const GATHER_MS = 400; // several changes at once are read once

export function page(place, { load, draw, wants = (event) => event.type !== "progress", every = 0, onprogress }) {
  let data, stopped = false, timer = 0, under_way = false, again = false;
  render(place, loading());
  const redraw = () => { if (!stopped && data !== undefined) render(place, draw(data)); };
  async function refresh() {
    // One at a time: an answer that comes late must not undo a newer one.
    if (under_way) { again = true; return; }
    under_way = true;
    try {
      const fresh = await load();
      data = fresh;
      redraw();
    } catch (problem) {
      if (!(problem instanceof Error)) throw problem;
      // What was read before is better than nothing; the banner says that it is old.
      if (!stopped && (data === undefined || !problem.offline)) render(place, broken(problem, refresh));
      if (!problem.status && problem.name !== "Problem" && !problem.offline) console.error(problem);
    }
    under_way = false;
    if (again) { again = false; await refresh(); }
  }
  const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, GATHER_MS); };
  const deaf = listen((event) => {
    if (event.type === "progress" && onprogress) { onprogress(event.data, redraw); return; }
    if (event.type === "open" || wants(event)) soon();
  });
  // Ages grow while nothing happens.
  const clock = setInterval(every ? refresh : redraw, every || 30000);
  void refresh();
  return { refresh, redraw, stop: () => { stopped = true; deaf(); clearTimeout(timer); clearInterval(clock); } };
}

// The rate of what goes on, from the figures of the last ten seconds: pages of one server agree.
const samples = new Map();
export function rateOf(id, raw) {
  const now = Date.now(), list = (samples.get(id) ?? []).filter((s) => now - s.at < 10000);
  if (list.length === 0 || list.at(-1).raw !== raw) list.push({ at: now, raw });
  samples.set(id, list);
  const span = (list.at(-1).at - list[0].at) / 1000;
  return span > 0.5 ? (list.at(-1).raw - list[0].raw) / span : 0;
}
