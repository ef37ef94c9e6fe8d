// Keys, and the list of them.

import { clamp } from "./lib/region.js";
import { h } from "./lib/dom.js";

/** @import { Explorer, ViewState } from "./types.js" */

const KEYS = [
  ["← ↑ → ↓", "move the pixel (on the image)"], ["[ and ]", "lower and raise the threshold"], ["O", "opacity"],
  ["C", "contour or fill"], ["H", "heat map or fill"], ["G", "compare with the truth"],
  ["S", "before and after: the plain image beside its salt"], ["1, 2, …", "cut skip1, skip2, …, or put it back"],
  ["Esc", "leave, one at a time: a map over the image, before and after, the pixel, the map, the block, the cuts"],
  ["?", "this list"],
];
const TYPED_IN = "input:not([type=range],[type=radio],[type=checkbox]), textarea, select";
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** A quarter more, and after all of it nothing. @param {number} opacity */
const nextOpacity = (opacity) => (opacity > 0.95 ? 0 : Math.min(1, Math.round(20 * opacity + 5) / 20));

/** @param {Explorer} explorer */
export function keyboard(explorer) {
  const dialog = h(
    "dialog", { class: "keys", "aria-label": "Keys" },
    h("h3", {}, "Keys"), h("dl", {}, KEYS.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)]).flat()),
    h("form", { method: "dialog" }, h("button", {}, "Close")),
  );
  const button = h("button", { class: "quiet", onclick: () => dialog.showModal() }, "Keys (?)");

  /** @param {KeyboardEvent} event */
  function press(event) {
    const target = /** @type {HTMLElement} */ (event.composedPath()[0]);
    const typing = target.isContentEditable || target.matches?.(TYPED_IN);
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !explorer.image) return;
    if (/** @type {ParentNode} */ (dialog.getRootNode()).querySelector("dialog[open]")) return;
    const onImage = target.dataset?.testid === "salt-viewer";
    const isDone = event.key === "Escape" ? leaveOne() : (onImage && movePixel(event.key)) || runShortcut(event.key);
    if (!isDone) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // Streamlit has its own idea of C
  }

  /** @param {string} key */
  function movePixel(key) {
    const step = ARROWS[key];
    if (!step) return false;
    const { height, width } = explorer.image, { pixel } = explorer.state;
    const [row, column] = pixel ? [pixel[0] + step[0], pixel[1] + step[1]] : [height >> 1, width >> 1];
    if (row >= 0 && row < height && column >= 0 && column < width) explorer.set({ pixel: [row, column], box: null });
    return true;
  }

  /**
   * Leaves one thing; the innermost first.
   * @returns {boolean} whether there was one
   */
  function leaveOne() {
    const { state } = explorer;
    /** @type {[boolean, Partial<ViewState>][]} */
    const steps = [
      [state.overlay !== null, { overlay: null }], [state.swipe !== null, { swipe: null }],
      [Boolean(state.pixel ?? state.box), { pixel: null, box: null }], [state.channel !== null, { channel: null }],
      [state.layer !== null, { layer: null }], [state.cuts.length > 0, { cuts: [] }],
    ];
    const step = steps.find(([isOpen]) => isOpen);
    if (step) explorer.set(step[1]);
    return Boolean(step);
  }

  /** @type {Record<string, () => void>} */
  const shortcuts = {
    "[": () => moveThreshold(-0.01),
    "]": () => moveThreshold(0.01),
    "?": () => dialog.showModal(),
    o: () => explorer.set({ opacity: nextOpacity(explorer.state.opacity) }),
    c: () => toggleLook("contour"),
    h: () => toggleLook("heat"),
    g: () => explorer.set({ truth: !explorer.state.truth && Boolean(explorer.image.truth) }),
    s: () => explorer.set({ swipe: explorer.state.swipe === null ? 0.5 : null }),
  };

  /** @param {number} step */
  function moveThreshold(step) {
    explorer.set({ threshold: clamp(Math.round(100 * (explorer.state.threshold + step)) / 100, 0, 1) });
  }

  /** @param {string} look */
  const toggleLook = (look) => explorer.set({ look: explorer.state.look === look ? "fill" : look });

  /** @param {string} key */
  function runShortcut(key) {
    const shortcut = shortcuts[key.toLowerCase()], part = `skip${key}`;
    if (shortcut) shortcut();
    else if (explorer.network.parts.includes(part)) explorer.toggleCut(part);
    else return false;
    return true;
  }

  return { dialog, button, press };
}
