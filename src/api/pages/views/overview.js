// overview.js - is everything all right? The age of the last good backup of each job and database, what runs now, and what
// somebody should look at; nothing else.
import { h } from "../lib/dom.js";
import { get, send, may, create, segment } from "../lib/api.js";
import * as f from "../lib/format.js";
import { page, rateOf } from "../lib/page.js";
import { badge, ago, until, bytes, idLink, panel, table, emptyNote, progress, act, link } from "../lib/parts.js";
import { spark } from "../lib/plot.js";

// What a problem is called for people (report/health.h).
const WHAT = { damaged: "damaged copy", missing: "missing copy", suspect: "suspect", failed: "failed", quarantined: "quarantined", stale: "its process is gone" };
const LAST = 30; // backups in a row of bars

async function load() {
  const [status, jobs, recent] = await Promise.all([get("status"), get("jobs"), get("artifacts", { limit: 400 })]);
  return { status, jobs: jobs.jobs, recent: recent.artifacts };
}

// One word for a database of a job, the worst first.
function state(group) {
  if (!group.id) return badge("no good one", "bad");
  if (group.too_old) return badge("too old", "bad");
  if (group.gone) return badge("gone", "idle", "The database is no longer there");
  if (group.missed) return badge("missed", "warn", f.name(group.missed));
  if (group.last_status === "failed") return badge("last one failed", "bad", f.name(group.last_error));
  if (group.last_doubt) return badge(group.last_doubt, "warn");
  return badge("good");
}

// The last ones of a group as bars of their size, oldest left.
function bars(recent, job, group) {
  const own = recent.filter((a) => a.job === job && f.name(a.database) === f.name(group.database) && a.type === group.type && a.status === "complete").slice(0, LAST).reverse();
  return spark(own.map((a) => ({ value: a.stored_bytes, title: f.time(a.time), mark: a.suspect ? "suspect" : "" })), { label: `sizes of ${f.name(group.database)}`, format: f.size });
}

function rows(data) {
  return data.status.jobs.flatMap((job) => {
    const known = data.jobs.find((one) => f.name(one.name) === f.name(job.job));
    const groups = job.databases.length ? job.databases : [{ database: null, type: "", id: null, failed: job.failed_run }];
    return groups.map((group) => ({ job, group, known }));
  });
}

const columns = (data) => [
  { label: "Job", cell: ({ job }) => job.job ? link(`#/backups?job=${encodeURIComponent(f.name(job.job))}`, f.name(job.job)) : h("span", { class: "faint" }, "by hand") },
  { label: "Database", cell: ({ group }) => group.database === null ? h("span", { class: "faint" }, "–") : [h("b", {}, f.name(group.database)), group.type === "full" ? "" : ` ${group.type}`] },
  { label: "State", cell: ({ group }) => [state(group), group.failed ? h("p", { class: "small faint" }, f.name(group.failed.message)) : ""] },
  { label: "Last good", cell: ({ group }) => group.id ? idLink(group.id, ago(group.last_good)) : h("span", { class: "faint" }, "never") },
  { label: "Size", num: true, cell: ({ group }) => bytes(group.stored_bytes) },
  { label: "Sizes", cell: ({ job, group }) => group.id ? bars(data.recent, job.job, group) : "" },
  { label: "Next run", cell: ({ known }) => !known ? "–" : !known.enabled ? badge("paused", "idle") : known.next_run ? until(known.next_run) : h("span", { class: "faint" }, "by hand") },
  { label: "", class: "actions", cell: ({ job, known }) => known && may("backup") ? h("button", { type: "button", disabled: known.busy, title: `Take a backup of ${f.name(job.job)} now`, onclick: () => act(() => create(`jobs/${segment(known.name)}/run`, {}), `Backup of ${known.name} asked for`) }, known.busy ? "running" : "Back up now") : "" },
];

function running(list) {
  return list.map((one) => h("article", { class: "running", data: { key: one.id } },
    h("header", {}, badge("running"), " ", h("b", {}, f.name(one.database)), h("span", { class: "faint" }, one.job ? ` of ${f.name(one.job)}` : " by hand"), h("span", { class: "grow" }), ago(one.started),
      may("backup") ? h("button", { type: "button", class: "quiet", onclick: () => act(() => send("POST", `artifacts/${one.id}/cancel`, {}), "It is being cancelled") }, "Cancel") : ""),
    progress(one, one.bytes_per_second ?? rateOf(one.id, one.raw_bytes)),
    one.owner === "dead" ? h("p", { class: "small" }, badge("its process is gone", "bad"), " ", h("code", {}, "pgkeep sweep"), " clears it away.") : ""));
}

function problem(one) {
  return h("li", { data: { key: `${one.what}${one.id}${f.name(one.store)}` } }, badge(WHAT[one.what] ?? one.what, one.what === "suspect" ? "warn" : one.what === "pinned" ? "idle" : "bad"), " ",
    idLink(one.id, [h("b", {}, f.name(one.database)), one.store ? ` in ${f.name(one.store)}` : ""]), " ", h("span", { class: "faint" }, ago(one.since)),
    one.reason ? h("p", { class: "small" }, f.name(one.reason)) : "");
}

// One sentence for who only looks for a second.
function verdict(data) {
  const all = rows(data);
  const bad = all.filter(({ group }) => !group.id || group.too_old || group.last_status === "failed" || group.missed).length;
  const eyes = data.status.problems.length;
  if (all.length === 0) return ["idle", "Nothing is backed up yet", "A first job in the configuration file, or `pgkeep backup` by hand, begins it."];
  if (bad > 0) return ["bad", `${f.plural(bad, "database or job", "databases or jobs")} without a fresh good backup`, "They are marked in the table below."];
  if (eyes > 0) return ["warn", "All backups are fresh", `${f.plural(eyes, "thing")} below ${eyes === 1 ? "wants" : "want"} a look.`];
  return ["good", "All backups are fresh and good", `${f.plural(all.length, "database")}, read ${f.time(data.status.time, true)}`];
}

function draw(data) {
  const [kind, head, text] = verdict(data);
  return [
    h("div", { class: `verdict ${kind}` }, badge("", kind), h("div", {}, h("h1", {}, head), h("p", {}, text))),
    data.status.running.length ? panel("Running", "", running(data.status.running)) : "",
    data.status.problems.length ? panel("What needs eyes", "", h("ul", { class: "plain" }, data.status.problems.slice(0, 20).map(problem)), data.status.problems.length > 20 ? h("p", { class: "faint" }, `and ${data.status.problems.length - 20} more`) : "") : "",
    panel("Last good backups", "",
      rows(data).length ? table(columns(data), rows(data), { key: ({ job, group }) => `${f.name(job.job)}/${f.name(group.database)}/${group.type}`, label: "Last good backups" })
        : emptyNote("There is no job and no backup yet: a job is made in the configuration file.")),
  ];
}

export function open(place) {
  let running_now = new Map();
  const view = page(place, {
    load: async () => { const data = await load(); running_now = new Map(data.status.running.map((one) => [one.id, one])); return data; },
    draw,
    // The figures of what runs come with their events; the rest is read when it ends.
    onprogress: (event, redraw) => {
      const known = event && running_now.get(event.id);
      if (!known) { void view.refresh(); return; }
      Object.assign(known, event);
      redraw();
    },
  });
  return view;
}
