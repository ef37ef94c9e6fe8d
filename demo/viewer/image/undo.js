// The buttons that undo and redo.

/** @import { Explorer } from "../types.js" */
/** @import { ImageElements } from "./elements.js" */

/** @param {ImageElements} elements @param {Explorer} explorer */
export function undoButtons({ undo, redo }, explorer) {
  undo.addEventListener("click", () => explorer.history.undo());
  redo.addEventListener("click", () => explorer.history.redo());

  /** @param {HTMLButtonElement} button @param {string} verb @param {string | null} words */
  function showButton(button, verb, words) {
    button.disabled = words === null;
    button.title = words === null ? `Nothing to ${verb.toLowerCase()}` : `${verb}: ${words}`;
    button.setAttribute("aria-label", words === null ? verb : button.title);
  }

  return function showHistory() {
    const focused = [undo, redo].find((button) => button.matches(":focus"));
    showButton(undo, "Undo", explorer.history.past);
    showButton(redo, "Redo", explorer.history.future);
    if (focused?.disabled) (focused === undo ? redo : undo).focus(); // who presses keys stays at the buttons
  };
}
