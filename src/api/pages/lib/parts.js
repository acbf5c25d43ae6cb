// parts.js - what every page is made of: states, times, tables that become cards, empty and broken ones, dialogs.
import { h } from "./dom.js";
import * as f from "./format.js";

// A state has a shape, a word and a colour, so that no one of them has to be seen.
const STATES = {
  good: ["●", "good"], bad: ["✕", "bad"], warn: ["▲", "warn"], busy: ["◐", "busy"], idle: ["○", "idle"],
};
const STATE_OF = {
  complete: "good", good: "good", ok: "good", keep: "good", successful: "good",
  failed: "bad", damaged: "bad", missing: "bad", error: "bad", prune: "warn",
  running: "busy", uploading: "busy", pending: "busy", deleting: "busy", expected: "busy",
  suspect: "warn", warning: "warn", partial: "warn", held: "warn", locked: "warn", blocked: "warn", undecided: "warn", "too old": "warn", missed: "warn", quarantined: "warn",
  cancelled: "idle", deleted: "idle", skipped: "idle", paused: "idle", gone: "idle", ignore: "idle",
};

// badge("complete"), badge("copy damaged", "bad")
export function badge(word, kind = STATE_OF[word] ?? "idle", title) {
  const [shape, name] = STATES[kind];
  return h("span", { class: `badge ${name}`, title }, h("span", { class: "shape", "aria-hidden": "true" }, shape), word);
}

// Local time, the absolute one where the pointer rests.
export const time = (text, seconds) => text ? h("time", { datetime: text, title: f.absolute(text) }, f.time(text, seconds)) : h("span", { class: "faint" }, "–");
export const ago = (text) => text ? h("time", { datetime: text, title: f.absolute(text) }, `${f.span(f.age(text))} ago`) : h("span", { class: "faint" }, "never");
export const until = (text) => {
  if (!text) return h("span", { class: "faint" }, "–");
  const s = -f.age(text);
  return h("time", { datetime: text, title: f.absolute(text) }, s > 0 ? `in ${f.span(s)}` : `due ${f.span(-s)} ago`);
};
export const bytes = (n) => h("span", { title: n === null || n === undefined ? "" : `${f.count(n)} bytes` }, f.size(n));
export const idLink = (id, text) => h("a", { href: `#/backup/${encodeURIComponent(id)}`, class: text ? "" : "mono", title: id }, text ?? f.shortId(id));

export const panel = (title, actions, ...body) => h("section", { class: "panel", data: { key: `panel-${title}` } },
  h("header", { class: "panel-head" }, h("h2", {}, title), h("div", { class: "row tight" }, actions)), ...body);

// columns: [{label, cell(row) -> children, num, class, wide}]; each cell knows its label, which a narrow screen shows.
export function table(columns, rows, { key, label, empty, onrow } = {}) {
  if (rows.length === 0) return emptyNote(empty ?? "Nothing here.");
  return h("table", { class: "cards", "aria-label": label },
    h("thead", {}, h("tr", {}, columns.map((c) => h("th", { scope: "col", class: c.num ? "num" : "" }, c.label)))),
    h("tbody", {}, rows.map((row) => h("tr", { data: { key: String(key ? key(row) : rows.indexOf(row)) }, class: onrow?.(row) },
      columns.map((c) => h("td", { class: [c.num ? "num" : "", c.class ?? ""].join(" ").trim(), data: { label: typeof c.label === "string" ? c.label : "" } }, c.cell(row)))))));
}

export const facts = (pairs) => h("dl", { class: "facts" }, pairs.filter(Boolean).map(([term, ...value]) => [h("dt", {}, term), h("dd", {}, ...value)]));

export const emptyNote = (text, ...more) => h("div", { class: "note empty" }, h("p", {}, text), ...more);
export const loading = (what = "Reading…") => h("div", { class: "note loading", role: "status" }, h("span", { class: "spin", "aria-hidden": "true" }), what);
// In the words of the command line, with its hint.
export const broken = (problem, again) => h("div", { class: "note broken", role: "alert" },
  h("p", {}, badge("error", "bad"), " ", problem.message), problem.hint ? h("p", { class: "faint" }, problem.hint) : "",
  again ? h("button", { type: "button", onclick: again }, "Try again") : "");

// A backup under way: phase, bytes, rate, time left. `rate` in bytes/s where somebody measured it.
export function progress(row, rate) {
  const percent = row.percent ?? (row.estimate_bytes && row.raw_bytes <= row.estimate_bytes ? f.percent(row.raw_bytes, row.estimate_bytes) : null);
  const left = row.eta_seconds ?? (percent !== null && rate > 0 ? (row.estimate_bytes - row.raw_bytes) / rate : null);
  const words = [row.phase ?? "beginning", percent === null ? null : `${percent.toFixed(0)} %`, f.size(row.raw_bytes ?? 0),
    rate > 0 ? `${f.size(rate)}/s` : null, left !== null && left >= 0 ? `${f.duration(left * 1000)} left` : null].filter(Boolean);
  return h("div", { class: "progress" },
    h("div", { class: percent === null ? "bar unknown" : "bar", role: "progressbar", "aria-label": "progress", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": percent === null ? undefined : percent.toFixed(0) },
      h("div", { class: "fill", style: { width: `${percent ?? 100}%` } })),
    h("p", { class: "small" }, words.join(" · ")));
}

export const link = (href, text, kind = "") => h("a", { href, class: kind }, text);
export const button = (text, onclick, kind = "") => h("button", { type: "button", class: kind, onclick }, text);

// ---- forms ----

let fields = 0;
// A labelled control; `help` and `unit` are told with it.
export function field(label, control, help) {
  fields++;
  if (!control.id) control.id = `field-${control.name || fields}`;
  return h("div", { class: control.type === "checkbox" ? "field check" : "field" }, h("label", { htmlFor: control.id }, label), control, help ? h("p", { class: "help" }, help) : "");
}
export const input = (name, value, more = {}) => h("input", { name, type: "text", value: value ?? "", autocomplete: "off", spellcheck: "false", ...more });
export const check = (name, checked, more = {}) => h("input", { name, type: "checkbox", checked: Boolean(checked), ...more });
export const select = (name, options, value, more = {}) => h("select", { name, ...more, value: value ?? "" },
  options.map((one) => Array.isArray(one) ? h("option", { value: one[0] }, one[1]) : h("option", { value: one }, one)));

// ---- what is said and asked over the page ----

// A short word of success or failure; read out, and gone by itself.
export function toast(text, kind = "good") {
  let place = document.getElementById("toasts");
  if (!place) document.body.append(place = h("div", { id: "toasts", role: "status", "aria-live": "polite" }));
  const one = h("div", { class: `toast ${kind}` }, badge(kind === "good" ? "done" : "failed", kind), " ", text);
  place.append(one);
  setTimeout(() => one.remove(), 8000);
}

// dialog(title, body(close) -> children): the browser's own modal dialog, closed by Escape too.
export function dialog(title, body) {
  return new Promise((resolve) => {
    const box = h("dialog", { "aria-label": title });
    const close = (value) => { box.returnValueOf = value; box.close(); };
    box.append(h("h2", {}, title), ...[body(close)].flat());
    box.onclose = () => { box.remove(); resolve(box.returnValueOf); };
    document.body.append(box);
    box.showModal();
  });
}

// Asks; `typed`: a word that has to be written first, for what cannot be taken back.
export function confirm(title, text, { yes = "Yes", typed, danger = false } = {}) {
  return dialog(title, (close) => {
    const go = h("button", { type: "submit", class: danger ? "danger" : "primary", disabled: Boolean(typed) }, yes);
    const word = typed ? input("typed", "", { oninput: (event) => { go.disabled = event.target.value !== typed; } }) : null;
    return h("form", { onsubmit: (event) => { event.preventDefault(); close(true); } },
      [text].flat().map((one) => one instanceof Node ? one : h("p", {}, one)),
      word ? field(["To confirm, type ", h("code", {}, typed)], word) : "",
      h("div", { class: "row end" }, button("Cancel", () => close(false)), go));
  });
}

// Runs what a button does: it waits, tells what went wrong, and gives the answer or undefined.
export async function act(work, done) {
  try {
    const answer = await work();
    if (done) toast(typeof done === "function" ? done(answer) : done);
    return answer ?? true;
  } catch (problem) {
    toast([problem.message, problem.hint].filter(Boolean).join(" – "), "bad");
    return undefined;
  }
}
