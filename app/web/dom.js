// Elements without markup in strings: nothing that came in can become a tag.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. `properties`: class, text, on (listeners), data, css (custom properties), attributes. */
export function el(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

export function show(parent, ...children) {
  parent.replaceChildren(...present(children));
  return parent;
}

export function button(text, onClick, properties = {}) {
  return el("button", { type: "button", text, on: { click: onClick }, ...properties });
}

export function link(text, href, properties = {}) {
  return el("a", { text, href, ...properties });
}

/** A table that scrolls by itself where it is too wide; a head is a text or an element. */
export function table(name, heads, rows, caption = null) {
  const head = heads.map((each) => el("th", { scope: "col" }, each));
  return el("div", { class: "scroll-x", tabindex: 0, role: "region", "aria-label": name }, el("table", {},
    caption && el("caption", { text: caption }), el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)));
}

export const unseen = (text) => el("span", { class: "unseen", text });

/** Tell a screen reader, without moving the focus. */
export function announce(text) {
  document.getElementById("live").textContent = text;
}

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) setProperty(node, name, value);
  node.append(...present(children));
  return node;
}

function present(children) {
  return children.flat().filter((child) => child !== null && child !== undefined && child !== false);
}

function setProperty(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "class") node.setAttribute("class", value);
  else if (name === "text") node.textContent = value;
  else if (name === "on") Object.entries(value).forEach(([type, listener]) => node.addEventListener(type, listener));
  else if (name === "data") Object.assign(node.dataset, value);
  else if (name === "css") setCss(node, value);
  else node.setAttribute(name, value === true ? "" : value);
}

/** Set custom properties (`--x`) and others through the object model, which the policy allows. */
export function setCss(node, values) {
  for (const [name, value] of Object.entries(values)) node.style.setProperty(name, value);
}
