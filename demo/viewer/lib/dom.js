// Elements without markup: what comes from outside is always text.

/** @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Attributes */
/** @typedef {Node | string | number | boolean | null | undefined | (Node | string)[]} Child */

const SVG = "http://www.w3.org/2000/svg";

/**
 * h("button", { class: "cut", onclick: toggle, "aria-pressed": "true" }, "Cut") makes that button.
 * A function is a listener, true an empty attribute; false, null and undefined are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

/**
 * The same for the elements of a drawing.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, attributes = {}, ...children) {
  return dress(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Attributes} attributes
 * @param {(Child | Child[])[]} children
 */
function dress(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  const shown = children.flat(2).filter((child) => child != null && child !== false);
  element.append(.../** @type {(Node | string)[]} */ (shown));
  return element;
}

/**
 * The first element of this kind that a selector finds.
 * @template {Element} E
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => E} kind
 * @returns {E}
 */
export function find(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`expected ${kind.name} at ${selector}, got ${found}`);
  return found;
}

/**
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas
 * @returns {CanvasRenderingContext2D}
 */
export function context2d(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

/**
 * A checkbox that passes on whether it is checked.
 * @param {string} testid
 * @param {(checked: boolean) => void} follow
 * @param {Attributes} [attributes]
 */
export function checkbox(testid, follow, attributes = {}) {
  const box = h("input", { type: "checkbox", "data-testid": testid, onchange: () => follow(box.checked), ...attributes });
  return box;
}

/**
 * Marks the one that is open among its like.
 * @param {Element} element
 * @param {boolean} current
 */
export function setCurrent(element, current) {
  if (current) element.setAttribute("aria-current", "true");
  else element.removeAttribute("aria-current");
}

/** What makes the ids and names of one viewer its own: a page may hold two. */
export const uniqueName = () => Math.random().toString(36).slice(2);
