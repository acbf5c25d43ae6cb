// login.js - one password; wrong ones are said plainly, too many of them wait.
import { h, render } from "../lib/dom.js";
import { send, me } from "../lib/api.js";
import { field, badge } from "../lib/parts.js";

export function open(root, begin) {
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const said = h("div", { role: "alert", class: "said" });
  const go = h("button", { type: "submit", class: "primary wide" }, "Log in");
  async function submit(event) {
    event.preventDefault();
    go.disabled = true;
    try {
      Object.assign(me, await send("POST", "session", { password: password.value }));
      await begin();
    } catch (problem) {
      const wait = problem.retryAfter ? ` Try again in ${problem.retryAfter} s.` : "";
      render(said, badge("no", "bad"), " ", problem.message + wait, problem.hint ? h("p", { class: "faint small" }, problem.hint) : "");
      password.select();
    }
    go.disabled = false;
  }
  root.append(h("main", { class: "alone", id: "main" },
    h("form", { class: "panel card", onsubmit: submit },
      h("h1", { class: "brand" }, h("img", { src: "icon.svg", alt: "", width: "28", height: "28" }), "pgkeep"),
      // Password managers want a name; there is one account.
      h("input", { type: "text", name: "username", value: "admin", autocomplete: "username", hidden: true, tabIndex: -1 }),
      field("Password", password), said, go,
      h("p", { class: "faint small" }, "None yet, or forgotten? ", h("code", {}, "pgkeep password"), " on the server sets one."))));
  password.focus();
  document.title = "Log in · pgkeep";
}
