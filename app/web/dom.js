// Elements without markup in strings: nothing that came in can become a tag.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. `properties`: class, text, on (listeners), data, css (custom properties), attributes. */
export function el(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** An SVG element; the same arguments. */
export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

/** Replace what `parent` holds. */
export function show(parent, ...children) {
  parent.replaceChildren(...present(children));
  return parent;
}

/** A button with a text and what it does. */
export function button(text, onClick, properties = {}) {
  return el("button", { type: "button", text, on: { click: onClick }, ...properties });
}

/** A link to another site or a file. */
export function link(text, href, properties = {}) {
  return el("a", { text, href, ...properties });
}

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
