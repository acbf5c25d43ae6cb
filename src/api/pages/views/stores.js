// stores.js - where backups lie and where they come from: health, and what the configuration says of stores, sources and policies.
import { h } from "../lib/dom.js";
import { get } from "../lib/api.js";
import * as f from "../lib/format.js";
import { page } from "../lib/page.js";
import { badge, panel, table } from "../lib/parts.js";

const setting = (one, key) => one.settings?.[key];
const where = (one) => one.url ?? setting(one, "path") ?? (setting(one, "bucket") ? `s3://${setting(one, "bucket")}/${setting(one, "prefix") ?? ""}` : "–");

export function open(place) {
  const view = page(place, {
    load: async () => Object.fromEntries(await Promise.all(["stores", "sources", "policies", "status"].map(async (kind) => [kind, await get(kind)]))),
    draw: ({ stores, sources, policies, status }) => {
      const bad = (name) => status.problems.filter((one) => f.name(one.store) === name);
      return [
        h("div", { class: "row head" }, h("h1", {}, "Stores")),
        panel("Where backups lie", "", table([
          { label: "Store", cell: (one) => [h("b", {}, one.name), " ", h("span", { class: "faint" }, one.type ?? setting(one, "type") ?? "")] }, { label: "Where", cell: (one) => h("span", { class: "mono small break" }, where(one)) },
          { label: "Health", cell: (one) => bad(one.name).length ? h("a", { href: `#/backups?store=${encodeURIComponent(one.name)}` }, badge(f.plural(bad(one.name).length, "problem"), "bad")) : badge("good") }], stores.stores, { key: (one) => one.name, label: "Stores", empty: "There is no store yet." })),
        status.stores_left.length ? panel("Not configured any more", "", h("ul", { class: "plain" }, status.stores_left.map((one) => h("li", {}, badge(f.name(one.store), "warn"), ` ${f.plural(one.copies, "copy", "copies")} in the catalog`)))) : "",
        panel("Sources", "", table([
          { label: "Source", cell: (one) => h("b", {}, one.name) }, { label: "Connection", cell: (one) => h("span", { class: "mono small break" }, setting(one, "conninfo") ?? "–") },
          { label: "Databases", cell: (one) => setting(one, "databases") ? [setting(one, "databases")].flat().join(", ") : h("span", { class: "faint" }, "the one of the connection") }], sources.sources, { key: (one) => one.name, label: "Sources", empty: "There is no source yet." })),
        panel("Policies of retention", "", table([
          { label: "Policy", cell: (one) => h("b", {}, one.name) }, { label: "Keeps", cell: (one) => Object.entries(one.settings ?? {}).filter(([key]) => /^(keep_|min_)/.test(key)).map(([key, value]) => h("span", { class: "chip" }, `${key.replace("keep_", "")} ${value}`)) },
          { label: "Zone", cell: (one) => setting(one, "timezone") ?? "UTC" }], policies.policies, { key: (one) => one.name, label: "Policies", empty: "There is no policy: nothing is ever pruned." })),
      ];
    },
  });
  return view;
}
