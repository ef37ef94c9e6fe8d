// Parts of the image: the opened window, a site's cells in it, and a position on what is drawn of them.

/** @import { Explorer, Place, Region, Site, Size } from "../types.js" */

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** @param {Region} region @param {Place} place */
export function contains({ top, left, height, width }, [row, column]) {
  return row >= top && column >= left && row < top + height && column < left + width;
}

/** Whether a part is the whole image. @param {Size} image @param {Region} part */
export const isWhole = (image, part) => part.height === image.height && part.width === image.width;

/**
 * The part of an array with a value a pixel; the array itself where the part is the whole image.
 * @template {Uint8Array | Float32Array} Values
 * @param {Values} values
 * @param {Size} image
 * @param {Region} part
 * @returns {Values}
 */
export function crop(values, image, part) {
  if (isWhole(image, part)) return values;
  const cropped = new /** @type {any} */ (values).constructor(part.height * part.width);
  for (let row = 0; row < part.height; row++) {
    const start = (part.top + row) * image.width + part.left;
    cropped.set(values.subarray(start, start + part.width), row * part.width);
  }
  return cropped;
}

/** The shown probability of the opened window. @param {Explorer} explorer */
export const windowProbability = ({ shown, image, window }) => crop(shown.probability, image, window);

/** Words for a part, where it is not the whole image. @param {Size} image @param {Region} part */
export function partWords(image, part) {
  if (isWhole(image, part)) return "";
  const rows = `rows ${part.top} to ${part.top + part.height - 1}`;
  return ` in the opened part (${rows}, columns ${part.left} to ${part.left + part.width - 1})`;
}

/**
 * Where the maps of a site lie in the window.  unet.image.Padding mirrors the image evenly to a multiple of the deepest
 * stride, so the first cell begins `down` rows above the window and `right` columns left of it.
 * @param {Pick<Explorer, "network"> & { window: Size }} explorer
 * @param {Pick<Site, "stride">} site
 */
export function siteGrid(explorer, { stride }) {
  const deepest = Math.max(...explorer.network.sites.map((site) => site.stride));
  const along = (/** @type {number} */ length) => {
    const before = Math.floor((Math.ceil(length / deepest) * deepest - length) / 2) % stride;
    return [before, Math.ceil((before + length) / stride)];
  };
  const [down, height] = along(explorer.window.height);
  const [right, width] = along(explorer.window.width);
  return { stride, down, right, height, width };
}

/**
 * The pixel of the image under a pointer on a drawn map.
 * @param {{ window: Region }} explorer
 * @param {ReturnType<typeof siteGrid>} grid of the map
 * @param {MouseEvent} event
 * @param {Element} picture the map, drawn whole
 * @returns {Place}
 */
export function placeOnMap({ window }, { stride, down, right, height, width }, { clientX, clientY }, picture) {
  const frame = picture.getBoundingClientRect();
  const row = Math.floor(((clientY - frame.top) / frame.height) * height * stride) - down;
  const column = Math.floor(((clientX - frame.left) / frame.width) * width * stride) - right;
  return [window.top + clamp(row, 0, window.height - 1), window.left + clamp(column, 0, window.width - 1)];
}

/**
 * The pixels of the window that a position of a site covers, and the one in their middle.
 * @param {Size} window
 * @param {ReturnType<typeof siteGrid>} grid
 * @param {number} cell row by row
 */
export function cellPixels(window, { stride, down, right, width: columns }, cell) {
  const along = (/** @type {number} */ first, /** @type {number} */ length) => {
    const start = Math.max(0, first), end = Math.min(length, first + stride);
    return { start, size: end - start, middle: (start + end - 1) >> 1 };
  };
  const rows = along(Math.floor(cell / columns) * stride - down, window.height);
  const across = along((cell % columns) * stride - right, window.width);
  return {
    top: rows.start, left: across.start, height: rows.size, width: across.size, middle: [rows.middle, across.middle],
  };
}

/**
 * Tells the style sheet where the window lies on a drawn map.
 * @param {HTMLElement} element
 * @param {ReturnType<typeof siteGrid>} grid
 */
export function setSpotGrid(element, { stride, down, right, height, width }) {
  const properties = { down: down + 0.5, right: right + 0.5, rows: height * stride, columns: width * stride };
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(`--${name}`, String(value));
}

/**
 * Shows a position in the window on the drawn maps in an element, or none.
 * @param {HTMLElement} element
 * @param {number} row
 * @param {number} column
 * @param {boolean} shown
 */
export function setSpot(element, row, column, shown) {
  element.classList.toggle("spotted", shown);
  element.style.setProperty("--row", String(row));
  element.style.setProperty("--column", String(column));
}
