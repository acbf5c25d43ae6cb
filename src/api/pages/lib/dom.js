// dom.js - elements from data, and only ever as text nodes: nothing here, and nothing that uses it, reads HTML.
//
//   h("td", {class: "num", onclick: f, data: {label: "Size"}}, "1.2 GiB", child, [more])
//   svg("path", {d: …})                     the same in SVG's namespace
//   render(container, ...children)          makes container's children like these, keeping what is alike: focus,
//                                           scroll position and what somebody is typing stay when data comes anew

const SVG = "http://www.w3.org/2000/svg";
// Handlers and states live in properties; a policy without unsafe-inline would refuse attributes.
const PROPERTIES = new Set(["value", "checked", "selected", "disabled", "open", "indeterminate", "hidden", "readOnly", "required", "tabIndex", "htmlFor"]);

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false && !PROPERTIES.has(name)) continue;
    if (name === "data") Object.assign(element.dataset, value);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (name.startsWith("on") || PROPERTIES.has(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  add(element, children);
  // A select's value can only be set when its options are there.
  if (element.tagName === "SELECT" && props && "value" in props) element.value = props.value;
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(element, child);
    else if (child instanceof Node) element.append(child);
    else if (child !== undefined && child !== null && child !== false) element.append(String(child));
  }
}

export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
export const svg = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

// Two nodes are "the same thing" when they are of one kind and, where they have one, of one key.
const sameThing = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName &&
  (a.nodeType !== Node.ELEMENT_NODE || a.dataset.key === b.dataset.key);

const HANDLERS = ["onclick", "onchange", "oninput", "onsubmit", "onkeydown", "ontoggle", "onpointermove", "onpointerleave", "onfocus", "onblur", "onclose"];

// Makes `old` like `made`, which is thrown away.
function patch(old, made) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== made.data) old.data = made.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!made.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of made.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const name of HANDLERS) if (old[name] !== made[name]) old[name] = made[name];
  if ("disabled" in old && old.disabled !== made.disabled) old.disabled = made.disabled;
  if ("hidden" in old && old.hidden !== made.hidden) old.hidden = made.hidden;
  patchChildren(old, [...made.childNodes]);
  // What somebody types or has just chosen is theirs.
  if ("value" in old && old !== document.activeElement && old.tagName !== "LI" && !old.dataset.mine && old.value !== made.value) old.value = made.value;
  if ("checked" in old && old !== document.activeElement && old.checked !== made.checked) old.checked = made.checked;
}

function patchChildren(parent, wanted) {
  let at = parent.firstChild;
  for (const made of wanted) {
    if (at && sameThing(at, made)) {
      patch(at, made);
      at = at.nextSibling;
      continue;
    }
    // A keyed one that stands further down is brought here; else the new one comes in.
    const key = made.nodeType === Node.ELEMENT_NODE ? made.dataset.key : undefined;
    let found = null;
    if (key !== undefined)
      for (let next = at; next; next = next.nextSibling) if (sameThing(next, made)) { found = next; break; }
    if (found) {
      parent.insertBefore(found, at);
      patch(found, made);
    } else parent.insertBefore(made, at);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

export function render(container, ...children) {
  const made = document.createDocumentFragment();
  add(made, children);
  patchChildren(container, [...made.childNodes]);
}
