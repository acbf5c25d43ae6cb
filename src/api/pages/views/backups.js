// backups.js - the history: filters and page stand in the address, so that a list can be kept and sent to somebody.
import { h } from "../lib/dom.js";
import { get } from "../lib/api.js";
import * as f from "../lib/format.js";
import { page } from "../lib/page.js";
import { badge, time, bytes, idLink, panel, table, emptyNote, select, field, link } from "../lib/parts.js";
import { plot, took_long } from "../lib/plot.js";

const LIMIT = 50;
const FILTERS = ["job", "database", "type", "store", "status"];

export function marks(one) {
  return [one.pinned ? badge("pinned", "idle", one.pin?.reason ?? "") : "", one.suspect ? badge("suspect") : "", one.quarantined ? badge("quarantined") : "", one.filtered ? badge("part", "idle", "Made with filters: not all of the database") : ""];
}

export const copies = (one) => one.copies.filter((copy) => copy.state !== "deleted" || one.status === "deleted").map((copy) =>
  copy.state === "complete" ? h("span", { class: "chip", title: copy.verified ? `verified ${f.absolute(copy.verified)}` : "not verified yet" }, copy.verified ? "✓ " : "", f.name(copy.store)) : badge(`${f.name(copy.store)} ${copy.state}`, copy.state === "uploading" ? "busy" : copy.state === "deleting" ? "idle" : "bad", f.name(copy.error)));

const columns = [
  { label: "Backup", cell: (one) => [idLink(one.id, one.name ? f.name(one.name) : undefined), one.name ? h("span", { class: "mono faint small" }, ` ${f.shortId(one.id)}`) : ""] },
  { label: "Time", cell: (one) => time(one.time) },
  { label: "Job", cell: (one) => one.job ? f.name(one.job) : h("span", { class: "faint" }, "by hand") },
  { label: "Database", cell: (one) => [f.name(one.database), one.type === "full" ? "" : h("span", { class: "faint" }, ` ${one.type}`)] },
  { label: "Size", num: true, cell: (one) => bytes(one.stored_bytes) },
  { label: "State", cell: (one) => [badge(one.status, undefined, one.error ? f.name(one.error.message) : ""), " ", marks(one)] },
  { label: "Copies", class: "chips", cell: (one) => copies(one) },
];

function bar(filter, known, change) {
  const set = (name) => (event) => change({ [name]: event.target.value });
  const any = (list) => [["", "any"], ...list.map((one) => f.name(one))];
  return h("form", { class: "filters", onsubmit: (event) => event.preventDefault(), "aria-label": "Filters" },
    field("Job", select("job", any(known.jobs), filter.job, { onchange: set("job") })),
    field("Database", select("database", any(known.databases), filter.database, { onchange: set("database") })),
    field("Status", select("status", any(["complete", "running", "failed", "cancelled", "deleted"]), filter.status, { onchange: set("status") })),
    field("Type", select("type", any(["full", "schema", "data", "globals"]), filter.type, { onchange: set("type") })),
    field("Store", select("store", any(known.stores), filter.store, { onchange: set("store") })));
}

function pages(document, change) {
  const { total, offset } = document, last = Math.min(offset + LIMIT, total);
  return h("div", { class: "row end pages" }, h("span", { class: "faint" }, total === 0 ? "" : `${f.count(offset + 1)}–${f.count(last)} of ${f.count(total)}`),
    h("button", { type: "button", disabled: offset === 0, onclick: () => change({ offset: Math.max(0, offset - LIMIT) }) }, "Newer"),
    h("button", { type: "button", disabled: last >= total, onclick: () => change({ offset: offset + LIMIT }) }, "Older"));
}

// Of the databases on this page of the list; one line each.
function plots(list) {
  const names = [...new Set(list.map((one) => f.name(one.database)))].slice(0, 5);
  const good = list.filter((one) => one.status === "complete");
  const series = (value) => names.map((name) => ({ name, points: good.filter((one) => f.name(one.database) === name).map((one) => ({ time: one.time, value: value(one), href: `#/backup/${one.id}`, title: `${name} ${f.time(one.time)}:`, mark: one.suspect ? "suspect" : "" })) })).filter((one) => one.points.length > 0);
  if (good.length < 3) return "";
  const took = (one) => one.duration_ms ?? (one.finished && one.started ? new Date(one.finished) - new Date(one.started) : null);
  return h("div", { class: "two" },
    panel("Stored size", "", plot(series((one) => one.stored_bytes), { label: "Stored size over time", format: f.size })),
    took_long(good, took) ? panel("Duration", "", plot(series(took), { label: "Duration over time", format: f.duration, binary: false })) : "");
}

export function open(place, here) {
  const filter = Object.fromEntries(here.query);
  const offset = Number(filter.offset) || 0;
  const change = (what) => {
    const next = new URLSearchParams();
    for (const [key, value] of Object.entries({ ...filter, offset: 0, ...what })) if (value) next.set(key, value);
    location.hash = `#/backups${next.size ? `?${next}` : ""}`;
  };
  const load = async () => {
    const asked = Object.fromEntries(FILTERS.map((key) => [key, filter[key]]));
    const [list, jobs, stores, status] = await Promise.all([get("artifacts", { ...asked, limit: LIMIT, offset }), get("jobs"), get("stores"), get("status")]);
    const databases = [...new Set([...status.jobs.flatMap((job) => job.databases.map((one) => f.name(one.database))), ...list.artifacts.map((one) => f.name(one.database))])].sort();
    return { list: { offset, ...list }, known: { jobs: jobs.jobs.map((one) => one.name), stores: stores.stores.map((one) => one.name), databases } };
  };
  const view = page(place, {
    load,
    draw: ({ list, known }) => [
      h("div", { class: "row head" }, h("h1", {}, "Backups")),
      bar(filter, known, change),
      h("section", { class: "panel" }, list.artifacts.length
        ? table(columns, list.artifacts, { key: (one) => one.id, label: "Backups", onrow: (one) => one.status === "failed" || one.status === "deleted" ? "dim" : "" })
        : emptyNote(Object.keys(filter).length ? "No backup fits these filters." : "There is no backup yet.", Object.keys(filter).length ? link("#/backups", "Show all", "button") : ""), pages(list, change)),
      plots(list.artifacts),
    ],
  });
  return view;
}
