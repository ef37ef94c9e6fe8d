// What a hand does to a handle or a control.

/** @import { Explorer, ViewState } from "../types.js" */

/**
 * @param {HTMLElement | SVGElement} handle
 * @param {{ start: Gesture, move: Gesture, end: Gesture, cancel: Gesture }} gesture  cancel: the page scrolls instead
 * @typedef {(event: PointerEvent) => void} Gesture
 */
export function draggable(handle, { start, move, end, cancel }) {
  const held = (/** @type {Gesture} */ follow) => (/** @type {any} */ event) => {
    if (handle.hasPointerCapture(event.pointerId)) follow(event);
  };
  handle.addEventListener("pointerdown", (/** @type {any} */ event) => {
    if (event.button) return;
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    start(event);
  });
  handle.addEventListener("pointermove", held(move));
  handle.addEventListener("pointerup", held(end));
  handle.addEventListener("pointercancel", held(cancel));
}

/**
 * A control says what it sets while it moves, and that it has been let go.
 * @param {Explorer} explorer
 * @param {HTMLInputElement} input
 * @param {() => Partial<ViewState> | null} read
 */
export function followInput(explorer, input, read) {
  const tell = (/** @type {boolean} */ settled) => {
    const change = read();
    if (change) explorer.set(change, { settled });
  };
  input.addEventListener("input", () => tell(false));
  input.addEventListener("change", () => tell(true));
}
