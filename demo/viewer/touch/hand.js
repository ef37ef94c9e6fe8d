// The tool in hand: what it makes of a pointer that is put down, moved and let go on the image.

import { LARGEST_BRUSH, LARGEST_SPREAD, LONGEST_EDITS, MOST_EDITS, editsText, parseEdits, withOperation } from "./edits.js";
import { clamp } from "../lib/region.js";
import { wholeNumber } from "../lib/format.js";

/** @import { Explorer, Hand, Place } from "../types.js" */
/** @import { Operation } from "./edits.js" */
/** @typedef {"paint" | "erase" | "noise" | "dead" | "impulse" | "shift"} Tool */
/** @typedef {{ tool: Tool, size: number, grey: number, spread: number, width: number }} Settings */

/** @type {Settings} */
export const FIRST_SETTINGS = { tool: "paint", size: 9, grey: 128, spread: 40, width: 3 };
export const FULL = `No more changes fit: expected at most ${wholeNumber(MOST_EDITS)}, of ${wholeNumber(LONGEST_EDITS)} `
  + "characters together; undo some, or go back to the original.";
const APART = 4; // points of a path lie at least this part of the brush apart: nearer ones do not show

/** What a settings' value may be. @param {Settings} settings @returns {Settings} */
export const boundSettings = ({ tool, size, grey, spread, width }) => ({
  tool, size: clamp(size, 1, LARGEST_BRUSH), grey: clamp(grey, 0, 255), spread: clamp(spread, 1, LARGEST_SPREAD),
  width: Math.max(1, width),
});

/**
 * What a tool does along a path of pixels.
 * @param {Settings} settings
 * @param {Place[]} path one pixel at least
 * @param {Explorer} explorer
 * @param {number} seed
 * @returns {Operation}
 */
export function operationAlong({ tool, size, grey, spread, width }, path, { original }, seed) {
  const [row, column] = path[path.length - 1];
  switch (tool) {
    case "paint": return { kind: "paint", size, grey, path };
    case "erase": return { kind: "erase", size, path };
    case "noise": return { kind: "noise", size, spread, seed, path };
    case "impulse": return { kind: "impulse", row, column };
    case "dead": {
      const traces = Math.min(width, original.width);
      return { kind: "dead", column: clamp(column - (traces >> 1), 0, original.width - traces), width: traces };
    }
    case "shift": return { kind: "shift", rows: row - path[0][0], columns: column - path[0][1] };
  }
}

/**
 * @param {Explorer} explorer
 * @param {() => Settings} settings
 * @returns {Hand & { add(operation: Operation): void }}  add: one more operation, without a pointer
 */
export function toolInHand(explorer, settings) {
  let before = ""; // the edits when the pointer was put down
  /** @type {Place[]} */
  let path = [];
  /** @type {Place} */
  let start = [0, 0];

  /** The place's pixel. @param {Place} place @returns {Place} */
  function pixelOf([row, column]) {
    const { height, width } = explorer.original;
    return [clamp(Math.floor(row), 0, height - 1), clamp(Math.floor(column), 0, width - 1)];
  }

  /** @param {string} edits @param {Operation} operation @param {boolean} settled */
  function show(edits, operation, settled) {
    const { operations } = parseEdits(edits, explorer.original);
    const isNothing = operation.kind === "shift" && !operation.rows && !operation.columns;
    const all = isNothing ? operations : withOperation(operations, operation, explorer.original);
    if (all) explorer.set({ edits: editsText(all) }, { settled });
    else explorer.set({ answer: operation.kind === "shift" ? "No shift reaches beyond the image." : FULL }, { settled });
  }

  function along() {
    const { operations: { length } } = parseEdits(before, explorer.original);
    return operationAlong(settings(), path, explorer, length);
  }

  return {
    begin(place) {
      before = explorer.state.edits;
      start = place;
      path = [pixelOf(place)];
      if (settings().tool !== "shift") show(before, along(), false);
    },

    move(place) {
      const { tool, size } = settings(), pixel = pixelOf(place), last = path[path.length - 1];
      if (tool === "shift") {
        const [rows, columns] = [0, 1].map((axis) => Math.round(place[axis] - start[axis]));
        show(before, { kind: "shift", rows, columns }, false);
        return;
      }
      if (pixel[0] === last[0] && pixel[1] === last[1]) return;
      if (tool === "impulse" || tool === "dead") path = [pixel];
      else if (Math.hypot(pixel[0] - last[0], pixel[1] - last[1]) < size / APART) return;
      else path.push(pixel);
      show(before, along(), false);
    },

    end() { explorer.set({}); },
    cancel() { explorer.set({ edits: before }); },
    brush: () => (["paint", "erase", "noise"].includes(settings().tool) ? settings().size : 0),
    add(operation) { show(explorer.state.edits, operation, true); },
  };
}
