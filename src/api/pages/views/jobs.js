// jobs.js - each job: when it runs, how it went, and what can be done with it.
import { h } from "../lib/dom.js";
import { get, send, create, may, segment } from "../lib/api.js";
import * as f from "../lib/format.js";
import { page } from "../lib/page.js";
import { badge, ago, until, panel, table, emptyNote, link, act } from "../lib/parts.js";

const when = (job) => job.schedule ? [h("code", {}, job.schedule), h("span", { class: "faint" }, ` ${job.timezone}`)] : job.every ? `every ${f.duration(job.every * 1000)}` : h("span", { class: "faint" }, "by hand");

function last(job) {
  const run = job.last_run;
  if (!run) return h("span", { class: "faint" }, "never");
  const took = run.ended ? new Date(run.ended) - new Date(run.started) : null;
  return [link(`#/run/${run.id}`, badge(run.exit_status === 8 ? "partial" : run.state)), " ", ago(run.started ?? run.requested), took === null ? "" : h("span", { class: "faint" }, ` in ${f.duration(took)}`), run.message ? h("p", { class: "small" }, f.name(run.message)) : ""];
}

// Good, bad and cancelled side by side; the words stand beside the bar.
function statistics({ total, successful, failed, cancelled }) {
  if (!total) return h("span", { class: "faint" }, "no run yet");
  const part = (n, kind) => n ? h("span", { class: kind, style: { width: `${n * 100 / total}%` } }) : "";
  return h("div", { class: "stack-box" }, h("div", { class: "stack", "aria-hidden": "true" }, part(successful, "good"), part(failed, "bad"), part(cancelled, "idle")),
    h("span", { class: "small" }, `${f.plural(total, "run")}: ${successful} good, ${failed} failed${cancelled ? `, ${cancelled} cancelled` : ""}`));
}

function buttons(job, again) {
  if (!may("backup")) return "";
  const path = `jobs/${segment(job.name)}`;
  return h("div", { class: "row tight end" }, h("button", { type: "button", disabled: job.busy, onclick: () => act(() => create(`${path}/run`, {}), `${job.name} has been asked to run`).then(again) }, job.busy ? "running" : "Run now"),
    h("button", { type: "button", onclick: () => act(() => send("POST", `${path}/${job.enabled ? "disable" : "enable"}`, {}), job.enabled ? `${job.name} is paused` : `${job.name} runs by its schedule again`).then(again) }, job.enabled ? "Pause" : "Resume"));
}

const columns = (again) => [
  { label: "Job", cell: (job) => [h("b", {}, f.name(job.name)), job.enabled ? "" : [" ", badge("paused", "idle")]] },
  { label: "When", cell: when },
  { label: "Next run", cell: (job) => !job.enabled ? h("span", { class: "faint" }, "paused") : job.next_run ? h("span", { title: f.absolute(job.next_run) }, until(job.next_run), h("span", { class: "faint" }, ` (${f.time(job.next_run)})`)) : h("span", { class: "faint" }, "–") },
  { label: "Last run", cell: last },
  { label: "Runs", cell: (job) => statistics(job.runs) },
  { label: "", class: "actions", cell: (job) => buttons(job, again) },
];

export function open(place) {
  const view = page(place, {
    load: () => get("jobs"),
    draw: ({ jobs }) => [
      h("div", { class: "row head" }, h("h1", {}, "Jobs")),
      h("section", { class: "panel" }, jobs.length ? table(columns(() => view.refresh()), jobs, { key: (job) => job.name, label: "Jobs" })
        : emptyNote("There is no job yet. A job is a source, its stores, and when it runs.")),
      h("p", { class: "faint small" }, "Jobs stand in the configuration file; ", "those in files of ", h("code", {}, "include_dir"), " can be paused here where it says ", h("code", {}, "editable = true"), "."),
    ],
  });
  return view;
}
