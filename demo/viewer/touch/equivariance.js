// How equivariant a network is: whether its answer moves with the image.

import { contains } from "../lib/region.js";
import { iou, shareOf } from "../lib/statistics.js";
import { isMotion, parseEdits } from "./edits.js";
import { movedLine } from "./motion.js";

/** @import { Region, Size } from "../types.js" */
/**
 * @typedef {object} Equivariance
 * @property {number} pixels how many are compared: what is in the image and in the window before and after
 * @property {number} kept how many of them stay on their side of the threshold
 * @property {number} overlap IoU of the two masks there; 1 where both are empty
 * @property {number} change mean absolute change of the probability there
 */

/**
 * The answer about the moved image, moved back, against the answer about the original.  Pixels that were mirrored in at
 * an edge are left out.
 * @param {Float32Array} original probability of every pixel of the window of the image as it was
 * @param {Float32Array} changed the same of the image after the edits
 * @param {string} edits see edits.js
 * @param {{ image: Size, window: Region, threshold: number }} where
 * @returns {Equivariance | null} null where the edits are not shifts and flips alone
 */
export function equivariance(original, changed, edits, { image, window, threshold }) {
  const { operations } = parseEdits(edits, image);
  if (!isMotion(operations)) return null;
  const rows = movedLine(operations, image.height, "rows"), columns = movedLine(operations, image.width, "columns");
  const limit = Math.fround(threshold);
  let pixels = 0, tp = 0, fp = 0, fn = 0, sum = 0;
  for (let row = 0, i = 0; row < window.height; row++) {
    const down = window.top + row;
    for (let column = 0; column < window.width; column++, i++) {
      const across = window.left + column, from = rows.from[down], start = columns.from[across];
      if (!rows.inside[down] || !columns.inside[across] || !contains(window, [from, start])) continue;
      const before = original[(from - window.top) * window.width + start - window.left], after = changed[i];
      pixels++;
      sum += Math.abs(after - before);
      if (before > limit && after > limit) tp++;
      else if (after > limit) fp++;
      else if (before > limit) fn++;
    }
  }
  return { pixels, kept: pixels - fp - fn, overlap: iou({ tp, fp, fn }), change: shareOf(sum, pixels) };
}
