// plot.js - small plots as plain SVG: points over time, bars, suspects marked. No library: two shapes are all we draw.
//
//   plot(series, {label, format, height})   series: [{name, points: [{time, value, mark, href, title}]}]
// What a plot shows can also be read: a summary is its label, and each point a link with a title of its own.
import { h, svg } from "./dom.js";
import { day } from "./format.js";

// Round steps of 1, 2, 5, in powers of 2 for bytes, so that the axis reads well.
function ceiling(value, binary) {
  if (value <= 0) return 1;
  const base = binary ? 1024 ** Math.floor(Math.log(value) / Math.log(1024)) : 1;
  const scaled = value / base, power = 10 ** Math.floor(Math.log10(scaled));
  for (const step of [1, 1.5, 2, 3, 4, 5, 6, 8, 10]) if (scaled <= step * power) return step * power * base;
  return scaled * base;
}

const WIDTH = 640, LEFT = 66, RIGHT = 14, TOP = 10, BOTTOM = 24;

export function plot(series, { label, format, height = 170, binary = true } = {}) {
  const points = series.flatMap((one) => one.points).filter((p) => p.value !== null && p.value !== undefined);
  if (points.length < 2) return h("p", { class: "faint small" }, "Two backups make a plot; there are not as many yet.");
  const times = points.map((p) => new Date(p.time).getTime());
  const first = Math.min(...times), last = Math.max(...times, first + 1);
  const top = ceiling(Math.max(...points.map((p) => p.value)), binary);
  const x = (time) => LEFT + (new Date(time).getTime() - first) / (last - first) * (WIDTH - LEFT - RIGHT);
  const y = (value) => height - BOTTOM - value / top * (height - TOP - BOTTOM);
  const figure = svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "plot", role: "group", "aria-label": `${label}: ${points.length} points, the last ${format(points.at(-1).value)}` });
  // Three lines across are enough to read a height by.
  for (const part of [0, 0.5, 1]) {
    figure.append(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(top * part), y2: y(top * part) }),
      svg("text", { class: "axis", x: LEFT - 8, y: y(top * part) + 4, "text-anchor": "end" }, format(top * part)));
  }
  for (const [part, anchor] of [[0, "start"], [0.5, "middle"], [1, "end"]]) {
    const at = new Date(first + (last - first) * part).toISOString();
    figure.append(svg("text", { class: "axis", x: LEFT + part * (WIDTH - LEFT - RIGHT), y: height - 6, "text-anchor": anchor }, day(at)));
  }
  series.forEach((one, index) => {
    const known = one.points.filter((p) => p.value !== null && p.value !== undefined).sort((a, b) => a.time < b.time ? -1 : 1);
    const path = known.map((p, i) => `${i === 0 ? "M" : "L"}${x(p.time).toFixed(1)} ${y(p.value).toFixed(1)}`).join("");
    figure.append(svg("path", { class: `line s${index}`, d: path }));
    for (const p of known) figure.append(mark(p, x(p.time), y(p.value), index, format));
  });
  return h("figure", {}, series.length > 1 ? legend(series) : "", figure);
}

// Lists know whole seconds: of what takes less than a few of them a plot would only show rounding.
export const took_long = (list, took) => list.some((one) => took(one) >= 5000);

// A suspect is a triangle and larger, so that it is seen without its colour.
function mark(point, x, y, index, format) {
  const title = svg("title", {}, `${point.title ?? ""} ${format(point.value)}${point.mark ? `, ${point.mark}` : ""}`.trim());
  const shape = point.mark
    ? svg("path", { class: "mark warn", d: `M${x} ${y - 6}l6 10h-12z` }, title)
    : svg("circle", { class: `mark s${index}`, cx: x, cy: y, r: 2.5 }, title);
  return point.href ? svg("a", { href: point.href, "aria-label": title.textContent, tabindex: point.mark ? "0" : "-1" }, shape) : shape;
}

const legend = (series) => h("figcaption", { class: "legend" }, series.map((one, i) => h("span", { class: `key s${i}` }, one.name)));

// A row of thin bars, newest right: how long the last ones took, how large they were. Height is the value, a shape the trouble.
export function spark(values, { label, format }) {
  const known = values.filter((v) => v.value > 0);
  if (known.length < 2) return h("span", { class: "faint small" }, "–");
  const top = Math.max(...known.map((v) => v.value)), step = 6;
  return svg("svg", { viewBox: `0 0 ${values.length * step} 24`, width: values.length * step, height: 24, class: "spark", role: "img", "aria-label": `${label}: ${known.length} values, the last ${format(known.at(-1).value)}` },
    values.map((v, i) => svg("rect", { class: v.mark ? "warn" : "", x: i * step, width: step - 2, y: 24 - Math.max(1, (v.value ?? 0) / top * 23), height: Math.max(1, (v.value ?? 0) / top * 23) },
      svg("title", {}, `${v.title ?? ""} ${format(v.value ?? 0)}${v.mark ? `, ${v.mark}` : ""}`))));
}
