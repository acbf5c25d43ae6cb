// format.js - figures and times as the command line writes them (base/text.c), in the zone of the reader.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

// 1536 -> "1.5 KiB"; null -> "–".
export function size(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  let value = bytes, unit = 0;
  // 1023.95 and more would be printed as "1024.0".
  while (value >= 1023.95 && unit + 1 < UNITS.length) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${UNITS[unit]}`;
}

const two = (number) => String(number).padStart(2, "0");

// Milliseconds: "0.4s" "42s" "3m07s" "5h02m" "3d04h".
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  const s = Math.floor(ms / 1000);
  if (ms < 0) return "0.0s";
  if (ms < 9950) return `${(ms / 1000).toFixed(1)}s`;
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${two(s % 60)}s`;
  if (s < 2 * 86400) return `${Math.floor(s / 3600)}h${two(Math.floor(s / 60) % 60)}m`;
  return `${Math.floor(s / 86400)}d${two(Math.floor(s / 3600) % 24)}h`;
}

// An age or a wait in its largest unit, for the eye: "4 min", "2 days".
export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const s = Math.max(0, Math.round(seconds));
  const many = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 2 * 86400) return `${Math.floor(s / 3600)} h`;
  if (s < 60 * 86400) return many(Math.floor(s / 86400), "day");
  return many(Math.floor(s / (30 * 86400)), "month");
}

export const count = (number) => number === null || number === undefined ? "–" : number.toLocaleString("en").replaceAll(",", " ");
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
export const ratio = (raw, stored) => raw && stored ? `${(raw / stored).toFixed(1)} : 1` : "–";
export const percent = (part, whole) => whole > 0 ? Math.min(100, part * 100 / whole) : null;

// "2026-11-30 16:39" of this reader; the offset is told by `absolute`.
export function time(text, seconds = false) {
  if (!text) return "–";
  const at = new Date(text);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}${seconds ? `:${two(at.getSeconds())}` : ""}`;
}
export const day = (text) => time(text).slice(0, 10);

// For a title: local with its offset, and UTC.
export function absolute(text) {
  if (!text) return "";
  const offset = -new Date(text).getTimezoneOffset();
  const sign = offset < 0 ? "-" : "+";
  const hours = two(Math.floor(Math.abs(offset) / 60)), minutes = Math.abs(offset) % 60;
  return `${time(text, true)}${sign}${hours}${minutes ? two(minutes) : ""}  (UTC: ${text.replace("T", " ").replace("Z", "")})`;
}

export const age = (text, now = Date.now()) => text ? (now - new Date(text).getTime()) / 1000 : null;
export const shortId = (id) => id ? id.slice(0, 10) : "–";

// Bytes that are no UTF-8 come as {"hex": …}; shown as such, never guessed.
export const name = (text) => text === null || text === undefined ? "–" : typeof text === "object" ? `\\x${text.hex}` : text;
