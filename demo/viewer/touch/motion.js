// Shifts and flips: where every row and every column of a moved image comes from.
//
// What comes in from outside the image is mirrored at its edge, which is not repeated (NumPy's "reflect").

/** @import { Size } from "../types.js" */
/** @import { Operation } from "./edits.js" */
/**
 * @typedef {object} Line
 * @property {Int32Array} from for every row (or column) the one it comes from
 * @property {Uint8Array} inside 1 where that was in sight all the way; 0 where it was mirrored in at an edge
 */

/**
 * @param {Operation[]} operations those that move nothing count for nothing
 * @param {number} length rows or columns of the image
 * @param {"rows" | "columns"} along
 * @returns {Line}
 */
export function movedLine(operations, length, along) {
  let from = Int32Array.from({ length }, (_, i) => i), inside = new Uint8Array(length).fill(1);
  const period = Math.max(1, 2 * length - 2);
  for (const operation of operations) {
    if (operation.kind === "flip" && (operation.axis === "v") === (along === "rows")) {
      from.reverse();
      inside.reverse();
    } else if (operation.kind === "shift" && operation[along]) {
      const places = Int32Array.from({ length }, (_, i) => i - operation[along]);
      const mirrored = places.map((place) => {
        const at = ((place % period) + period) % period;
        return Math.min(at, period - at);
      });
      const [fromBefore, insideBefore] = [from, inside];
      from = mirrored.map((place) => fromBefore[place]);
      inside = Uint8Array.from(places, (place) => (place >= 0 && place < length ? insideBefore[place] : 0));
    }
  }
  return { from, inside };
}

/**
 * An image after shifts and flips, in a new array.
 * @template {Uint8Array | Float32Array} Values
 * @param {Values} values a value a pixel
 * @param {Size} size
 * @param {Operation[]} operations
 * @returns {Values}
 */
export function moveValues(values, { height, width }, operations) {
  const rows = movedLine(operations, height, "rows").from, columns = movedLine(operations, width, "columns").from;
  const moved = new /** @type {any} */ (values).constructor(values.length);
  for (let row = 0, i = 0; row < height; row++) {
    const start = rows[row] * width;
    for (let column = 0; column < width; column++, i++) moved[i] = values[start + columns[column]];
  }
  return moved;
}
