// activity.js - what was done, when, by whom: runs, newest first.
import { h } from "../lib/dom.js";
import { get } from "../lib/api.js";
import * as f from "../lib/format.js";
import { page } from "../lib/page.js";
import { badge, time, table, select, field, link } from "../lib/parts.js";

const LIMIT = 200;
const BY = { cli: "command line", schedule: "schedule", retry: "retry", api: "this page or the API" };
const columns = [
  { label: "Run", cell: (run) => link(`#/run/${run.id}`, `${run.kind ?? "run"} ${run.id}`) },
  { label: "Job", cell: (run) => run.job ? f.name(run.job) : h("span", { class: "faint" }, "–") },
  { label: "State", cell: (run) => [badge(run.exit_status === 8 ? "partial" : run.state), run.message ? h("p", { class: "small" }, f.name(run.message)) : ""] },
  { label: "Began", cell: (run) => time(run.started ?? run.requested, true) },
  { label: "Took", num: true, cell: (run) => run.started && run.ended ? f.duration(new Date(run.ended) - new Date(run.started)) : "–" },
  { label: "Exit", num: true, cell: (run) => run.exit_status ?? "–" },
  { label: "By", cell: (run) => BY[run.trigger] ?? run.trigger },
];

export function open(place, here) {
  const filter = Object.fromEntries(here.query);
  const change = (what) => { location.hash = `#/activity?${new URLSearchParams(Object.entries({ ...filter, ...what }).filter(([, value]) => value))}`; };
  return page(place, {
    load: () => get("runs", { kind: filter.kind, job: filter.job, limit: LIMIT }),
    draw: ({ runs }) => [
      h("div", { class: "row head" }, h("h1", {}, "Activity")),
      h("form", { class: "filters", onsubmit: (event) => event.preventDefault() },
        field("What", select("kind", [["", "anything"], "backup", "verify", "prune", "restore", "copy", "delete", "sweep"], filter.kind, { onchange: (event) => change({ kind: event.target.value }) })),
        h("span", { class: "faint small" }, `the newest ${LIMIT}`)),
      h("section", { class: "panel" }, table(columns, runs, { key: (run) => run.id, label: "Runs", empty: "No run fits." })),
    ],
  });
}
