// app.js - the frame around all pages: who is there, where they are (the part behind "#"), whether the server answers.
import { h, render } from "./lib/dom.js";
import { me, may, on, session, send } from "./lib/api.js";
import { connect, disconnect, onStream } from "./lib/live.js";
import { broken, loading, act } from "./lib/parts.js";

// Address, name in the menu (none: reached from elsewhere), module, the scope that it needs.
const ROUTES = [
  [/^overview$/, "Overview", "overview"],
  [/^backups$/, "Backups", "backups"],
  [/^backup\/([^/]+)$/, null, "backup"],
  [/^jobs$/, "Jobs", "jobs"],
  [/^stores$/, "Stores", "stores"],
  [/^activity$/, "Activity", "activity"],
  [/^run\/([^/]+)$/, null, "run"],
];
const root = document.getElementById("app");
const PROBE_MS = 3000;
let current = null, banner = null, probing = 0;

// "#/backups?job=nightly" -> the page, its arguments and its parameters.
function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  for (const [pattern, title, module] of ROUTES) {
    const match = pattern.exec(path || "overview");
    if (match) return { title, module, path: path || "overview", args: match.slice(1).map((one) => one === undefined ? undefined : decodeURIComponent(one)), query: new URLSearchParams(query ?? "") };
  }
  return null;
}

function menu(here) {
  return h("nav", { "aria-label": "Pages" }, ROUTES.filter(([, title, , scope]) => title && (!scope || may(scope))).map(([, title, module]) =>
    h("a", { href: `#/${module}`, "aria-current": here?.module === module ? "page" : undefined }, title)));
}

function frame(here) {
  return [
    h("header", { class: "top" },
      h("a", { class: "brand", href: "#/overview" }, h("img", { src: "icon.svg", alt: "", width: "22", height: "22" }), "pgkeep"),
      menu(here),
      h("span", { class: "grow" }),
      h("span", { id: "stream", class: "stream", title: "Changes are shown as they happen" }),
      h("button", { type: "button", class: "quiet", onclick: logOut }, "Log out")),
    h("div", { id: "banner", role: "status", "aria-live": "polite" }),
    h("main", { id: "main", tabIndex: -1 }),
    h("footer", {}, `pgkeep ${me.version}`),
  ];
}

async function logOut() {
  await act(() => send("DELETE", "session"));
  disconnect();
  await begin();
}

// The line under the menu while the server is away; what is on the page stays to be read.
function reachable(yes) {
  const line = document.getElementById("banner");
  if (!line || banner === yes) return;
  banner = yes;
  render(line, yes ? "" : h("p", { class: "offline" }, "▲ pgkeep does not answer. What is shown was read before; it is tried again by itself."));
}

function streaming(yes) {
  const sign = document.getElementById("stream");
  if (sign) render(sign, yes ? "● live" : "○ not live");
  if (yes) reachable(true);
  else void probe();
}

// The stream is silent: is the server away, or is it a new one, for which this session is none?
async function probe() {
  clearTimeout(probing);
  try {
    await session();
  } catch {
    probing = setTimeout(probe, PROBE_MS);
    return;
  }
  if (me.authenticated) connect(); else void alone("login");
}

async function show() {
  const here = place();
  if (!here) { location.replace("#/overview"); return; }
  if (!document.getElementById("main")) render(root, frame(here));
  else render(document.querySelector("nav"), [...menu(here).childNodes]);
  const main = document.getElementById("main");
  current?.stop?.();
  // A new element for each page: what an old one still waits for draws into nowhere.
  const stage = h("div", { class: `page ${here.module}` }, loading());
  main.replaceChildren(stage);
  document.title = `${here.title ?? here.args[0] ?? here.module} · pgkeep`;
  try {
    const view = await import(`./views/${here.module}.js`);
    if (stage.isConnected) current = view.open(stage, here);
  } catch (problem) {
    render(stage, broken(problem, show));
  }
  window.scrollTo(0, 0);
}

// Alone on the page: logging in.
async function alone(module) {
  disconnect();
  clearTimeout(probing);
  current?.stop?.();
  current = null;
  root.replaceChildren();
  const view = await import(`./views/${module}.js`);
  view.open(root, begin);
}

async function begin() {
  try {
    await session();
  } catch (problem) {
    render(root, h("div", { class: "alone" }, broken(problem, begin)));
    if (problem.offline) setTimeout(begin, 3000);
    return;
  }
  if (!me.authenticated) return alone("login");
  root.replaceChildren();
  banner = null;
  await show();
  connect();
}

// Asked for once more by the server: the session is over.
on("unauthorized", () => { if (me.authenticated) { me.authenticated = false; void alone("login"); } });
on("reachable", reachable);
onStream(streaming);
window.addEventListener("hashchange", () => { if (me.authenticated) void show().then(() => document.getElementById("main")?.focus({ preventScroll: true })); });
void begin();
