// Elements without markup: what comes from outside is always text.

const SVG = "http://www.w3.org/2000/svg";

// h("button", { class: "cut", onclick: toggle, "aria-pressed": "true" }, "Cut") makes that button.
// A function is a listener, true an empty attribute; false, null and undefined are left out.
export function h(tag, attributes = {}, ...children) {
  return dressed(document.createElement(tag), attributes, children);
}

// The same for the elements of a drawing.
export function svg(tag, attributes = {}, ...children) {
  return dressed(document.createElementNS(SVG, tag), attributes, children);
}

function dressed(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}
