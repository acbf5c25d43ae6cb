// run.js - one run, live: a backup, a restore, a verification; what it says, and what came of it.
import { h } from "../lib/dom.js";
import { get, send, may } from "../lib/api.js";
import * as f from "../lib/format.js";
import { page, rateOf } from "../lib/page.js";
import { badge, time, facts, panel, progress, button, act, idLink } from "../lib/parts.js";

const open_states = ["pending", "running"];

export function open(place, here) {
  let known = null;
  const view = page(place, {
    load: async () => (known = await get(`runs/${here.args[0]}`)),
    draw: (run) => {
      const live = open_states.includes(run.state);
      const at = run.live ?? run.progress;
      const took = run.started ? (run.ended ? new Date(run.ended) : new Date()) - new Date(run.started) : null;
      return [
        h("div", { class: "row head" }, h("h1", {}, `${run.kind ?? "run"} ${run.job ? f.name(run.job) : ""}`, h("span", { class: "sub" }, `run ${run.id}`)), badge(run.exit_status === 8 ? "partial" : run.state), h("span", { class: "grow" }),
          live && may("backup") ? button("Cancel", () => act(() => send("POST", `runs/${run.id}/cancel`, {}), "It is being cancelled").then(view.refresh), "danger") : ""),
        live ? panel("Progress", "", progress(at ?? { phase: run.state === "pending" ? "waiting for its turn" : "beginning" }, at?.bytes_per_second ?? (at ? rateOf(`run${run.id}`, at.raw_bytes) : 0))) : "",
        panel("Facts", "", facts([["Asked for", time(run.requested, true), ` by ${run.trigger}`], ["Began", time(run.started, true)], ["Ended", time(run.ended, true)], ["Took", f.duration(took)],
          run.exit_status === null ? null : ["Exit status", run.exit_status],
          run.message ? ["Said", h("span", { class: "pre" }, f.name(run.message))] : null,
          run.artifacts?.length ? ["Backups", run.artifacts.map((one) => [idLink(one.id ?? one, one.database ? f.name(one.database) : undefined), " "])] : null])),
        run.log ? panel("Log", "", h("pre", { class: "log", tabIndex: 0 }, f.name(run.log))) : "",
      ];
    },
    every: 2000,
    onprogress: (event, redraw) => {
      if (!known || (event?.run !== known.id && !known.artifacts?.some((one) => (one.id ?? one) === event?.id))) return;
      known.live = event;
      redraw();
    },
  });
  return view;
}
