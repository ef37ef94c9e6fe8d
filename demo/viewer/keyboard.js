// Keys, and the list of them.

import { clamp, contains } from "./lib/region.js";
import { h } from "./lib/dom.js";
import { seeksAlike } from "./maps/similarity.js";

/** @import { Explorer, Place, ViewState } from "./types.js" */

const KEYS = [
  ["← ↑ → ↓", "move the pixel, or the place whose alike are shown (on the image)"],
  ["[ and ]", "lower and raise the threshold"], ["O", "opacity"],
  ["C", "contour or fill"], ["H", "heat map or fill"], ["G", "compare with the truth"],
  ["S", "before and after: the plain image beside its salt"], ["1, 2, …", "cut skip1, skip2, …, or put it back"],
  ["Esc",
    "leave, one at a time: alike places, a map over the image, before and after, the pixel, the map, the block, the cuts, "
      + "the epoch, the lesson"],
  ["Ctrl or ⌘ + Z", "undo the last gesture"], ["Ctrl or ⌘ + Shift + Z, Ctrl + Y", "redo it"],
  ["?", "this list"],
];
const WRITTEN_IN = "input:not([type=range],[type=radio],[type=checkbox]), textarea"; // with an undo of its own
const TYPED_IN = `${WRITTEN_IN}, select`;
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
    const isCommand = event.ctrlKey || event.metaKey;
    const typing = target.isContentEditable || target.matches?.(isCommand ? WRITTEN_IN : TYPED_IN);
    if (typing || event.altKey || !explorer.image) return;
    if (/** @type {ParentNode} */ (dialog.getRootNode()).querySelector("dialog[open]")) return;
    if (!(isCommand ? runCommand(event) : runKey(event.key, target.dataset?.testid === "salt-viewer"))) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // Streamlit has its own idea of C
  }

  /** @param {KeyboardEvent} event with Ctrl, on a Mac with ⌘ */
  function runCommand({ key, shiftKey }) {
    const { undo, redo } = explorer.history, letter = key.toLowerCase();
    if (letter === "z") return shiftKey ? redo() : undo();
    return letter === "y" && redo();
  }

  /** @param {string} key @param {boolean} onImage */
  function runKey(key, onImage) {
    return key === "Escape" ? leaveOne() : (onImage && movePixel(key)) || runShortcut(key);
  }

  /** @param {string} key */
  function movePixel(key) {
    const step = ARROWS[key];
    if (!step) return false;
    const { height, width } = explorer.image, { pixel, alike } = explorer.state;
    if (alike && seeksAlike(explorer.state)) {
      /** @type {Place} */
      const place = [alike[0] + step[0], alike[1] + step[1]];
      if (contains(explorer.window, place)) explorer.set({ alike: place });
      return true;
    }
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
      [seeksAlike(state), { alike: null }], [state.overlay !== null, { overlay: null }],
      [state.swipe !== null, { swipe: null }],
      [Boolean(state.pixel ?? state.box), { pixel: null, box: null }], [state.channel !== null, { channel: null }],
      [state.layer !== null, { layer: null }], [state.cuts.length > 0, { cuts: [] }],
      [state.epoch !== null, { epoch: null }], [state.lesson !== null, { lesson: null }],
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
