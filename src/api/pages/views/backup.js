// backup.js - one backup: all that is known, its tables, its copies, how it was checked, how it compares with its kind.
import { h } from "../lib/dom.js";
import { get } from "../lib/api.js";
import * as f from "../lib/format.js";
import { page, rateOf } from "../lib/page.js";
import { badge, time, ago, bytes, panel, table, facts, progress, input, select } from "../lib/parts.js";
import { plot, took_long } from "../lib/plot.js";
import { marks } from "./backups.js";

const SHOWN = 200; // tables at once; more after a word of the search

async function load(id) {
  const one = await get(`artifacts/${encodeURIComponent(id)}`);
  // Its neighbours in time, for the plots.
  const near = one.database === null ? { artifacts: [] } : await get("artifacts", { database: f.name(one.database), job: one.job ?? undefined, type: one.type, limit: 60 });
  const group = near.artifacts.filter((other) => other.source === one.source && other.filtered === one.filtered);
  return { one, group };
}

const factsOf = (one) => facts([
  ["Backup", h("span", { class: "mono" }, one.id)],
  ["Job", one.job ? f.name(one.job) : "by hand"], ["Source", f.name(one.source)],
  ["What", `${one.type}, ${one.format}`], ["Compression", one.compression === "none" ? "none" : `${one.compression}:${one.level}`],
  ["As of", time(one.time, true), " ", h("span", { class: "faint" }, "(", ago(one.time), ")")],
  ["Took", f.duration(one.duration_ms), one.tries > 1 ? ` in ${one.tries} tries` : ""],
  ["Size", bytes(one.raw_bytes), " stored as ", bytes(one.stored_bytes), ` (${f.ratio(one.raw_bytes, one.stored_bytes)})`],
  ["Tables", `${f.count(one.table_count)}, ${one.row_count === null ? "rows not counted" : f.plural(one.row_count, "row")}`],
  one.description ? ["Description", h("span", { class: "pre" }, f.name(one.description))] : null,
  Object.keys(one.tags).length ? ["Tags", Object.entries(one.tags).map(([key, value]) => h("span", { class: "chip" }, `${key}=${f.name(value)}`))] : null,
  one.pin && one.pinned ? ["Pinned", one.pin.until ? ["until ", time(one.pin.until)] : "for ever", one.pin.reason ? `: ${f.name(one.pin.reason)}` : ""] : null,
  one.accepted ? ["Accepted", time(one.accepted.time), one.accepted.reason ? `: ${f.name(one.accepted.reason)}` : ""] : null,
  one.filters.length ? ["Filters", one.filters.map((filter) => h("span", { class: "chip" }, `--${filter.option.replaceAll("_", "-")} ${f.name(filter.pattern)}`))] : null,
  ["Versions", `server ${one.versions.server ?? "?"} · pg_dump ${one.versions.pg_dump ?? "?"} · pgkeep ${one.versions.pgkeep ?? "?"}`],
  ["Made on", f.name(one.hostname)],
  ["SHA-256", h("span", { class: "mono break small" }, one.sha256 ?? "–")],
]);

const copyColumns = [
  { label: "Store", cell: (copy) => [h("b", {}, f.name(copy.store)), copy.store_left ? h("span", { class: "faint" }, " (not configured)") : ""] },
  { label: "State", cell: (copy) => [badge(copy.state), copy.error ? h("p", { class: "small" }, f.name(copy.error)) : "", copy.deletion ? h("p", { class: "small faint" }, f.name(copy.deletion.reason)) : ""] },
  { label: "Size", num: true, cell: (copy) => bytes(copy.bytes) },
  { label: "Last good check", cell: (copy) => copy.verified ? [ago(copy.verified), ` ${copy.verified_level}`] : h("span", { class: "faint" }, "never") },
  { label: "Key", class: "wide", cell: (copy) => h("span", { class: "mono small break" }, f.name(copy.key)) },
];

const checkColumns = [
  { label: "Time", cell: (check) => time(check.time, true) }, { label: "Store", cell: (check) => f.name(check.store) }, { label: "Level", cell: (check) => check.level },
  { label: "Result", cell: (check) => [badge(check.result), check.message ? h("p", { class: "small" }, f.name(check.message)) : ""] },
  { label: "Read", num: true, cell: (check) => bytes(check.bytes) }, { label: "Took", num: true, cell: (check) => f.duration(check.duration_ms) },
];

// A name as pg_dump's patterns take it literally.
export const quoted = (one) => [one.schema, one.name].map((part) => `"${f.name(part).replaceAll('"', '""')}"`).join(".");

function tables(one, state, redraw) {
  const fits = one.tables.filter((t) => `${f.name(t.schema)}.${f.name(t.name)}`.toLowerCase().includes(state.word.toLowerCase()));
  const order = { rows: (a, b) => (b.rows ?? 0) - (a.rows ?? 0), size: (a, b) => (b.raw_bytes ?? 0) - (a.raw_bytes ?? 0), name: () => 0 }[state.order];
  const most = Math.max(1, ...one.tables.map((t) => t.raw_bytes ?? 0));
  const columns = [
    { label: "Table", cell: (t) => [h("span", { class: "faint" }, `${f.name(t.schema)}.`), h("b", {}, f.name(t.name))] },
    { label: "Rows", num: true, cell: (t) => f.count(t.rows) },
    { label: "Size", num: true, cell: (t) => bytes(t.raw_bytes) },
    { label: "Share", cell: (t) => h("div", { class: "share", "aria-hidden": "true" }, h("div", { class: "fill", style: { width: `${(t.raw_bytes ?? 0) * 100 / most}%` } })) },
  ];
  return panel(`Tables`, [
    one.tables.length > 5 ? input("table-search", state.word, { type: "search", placeholder: "Find a table", "aria-label": "Find a table", oninput: (event) => { state.word = event.target.value; redraw(); } }) : "",
    select("order", [["name", "by name"], ["size", "largest first"], ["rows", "most rows first"]], state.order, { "aria-label": "Order of tables", onchange: (event) => { state.order = event.target.value; redraw(); } })],
  table(columns, [...fits].sort(order).slice(0, SHOWN), { key: (t) => quoted(t), label: "Tables", empty: one.tables.length ? "No table has that in its name." : "Its tables are not known, or there are none." }),
  fits.length > SHOWN ? h("p", { class: "faint small" }, `${SHOWN} of ${f.count(fits.length)} are shown`) : "");
}

function plots(one, group) {
  const good = group.filter((other) => other.status === "complete");
  if (good.length < 3) return "";
  const points = (value) => good.map((other) => ({ time: other.time, value: value(other), href: `#/backup/${other.id}`, title: `${f.time(other.time)}:`, mark: other.suspect ? "suspect" : "" }));
  const took = (other) => other.duration_ms ?? (other.finished ? new Date(other.finished) - new Date(other.started) : null);
  return h("div", { class: "two" },
    panel("Stored size over time", "", plot([{ name: "stored", points: points((other) => other.stored_bytes) }], { label: "Stored size over time", format: f.size })),
    took_long(good, took) ? panel("Duration over time", "", plot([{ name: "duration", points: points(took) }], { label: "Duration over time", format: f.duration, binary: false })) : "");
}

export function open(place, here) {
  const state = { word: "", order: "name" };
  let known = null;
  const view = page(place, {
    load: async () => (known = await load(here.args[0])),
    draw: ({ one, group }) => {
      document.title = `${f.name(one.database)} ${f.time(one.time)} · pgkeep`;
      return [
        h("div", { class: "row head" }, h("h1", {}, one.name ? f.name(one.name) : f.name(one.database), h("span", { class: "sub" }, one.name ? `${f.name(one.database)}, ` : "", f.time(one.time))), badge(one.status), marks(one)),
        one.error ? h("div", { class: "note broken" }, h("p", {}, badge("error", "bad"), " ", f.name(one.error.message))) : "",
        one.status === "running" ? panel("Progress", "", progress({ ...one.progress, ...one.live }, one.live?.bytes_per_second ?? rateOf(one.id, one.progress?.raw_bytes ?? 0))) : "",
        panel("Facts", "", factsOf(one)),
        panel("Copies", "", table(copyColumns, one.copies, { key: (copy) => f.name(copy.store), label: "Copies" })),
        tables(one, state, view.redraw),
        panel("Verifications", "", table(checkColumns, one.verifications, { key: (check) => `${check.time}${f.name(check.store)}${check.level}`, label: "Verifications", empty: "It was not verified yet." })),
        plots(one, group),
      ];
    },
    onprogress: (event, redraw) => {
      if (!known || event?.id !== known.one.id) return;
      known.one.live = event;
      redraw();
    },
  });
  return view;
}
