// What the steps of the lesson measure: masks, outlines, ranks, and the mean of maps.

import { countAbove } from "../lib/statistics.js";

/** @import { Maps, Size } from "../types.js" */

/** 1 where salt is. @param {Float32Array} probability @param {number} threshold */
export function maskAbove(probability, threshold) {
  const limit = Math.fround(threshold);
  return Uint8Array.from(probability, (value) => (value > limit ? 1 : 0));
}

/**
 * Indices of the mask's pixels of which a neighbour, of four, is no salt; beyond the edge of the image there is none.
 * @param {Uint8Array} mask
 * @param {Size} size
 */
export function outlineOf(mask, { height, width }) {
  const found = [];
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0; column < width; column++, i++) {
      if (!mask[i]) continue;
      const isInside = (row === 0 || mask[i - width]) && (row === height - 1 || mask[i + width])
        && (column === 0 || mask[i - 1]) && (column === width - 1 || mask[i + 1]);
      if (!isInside) found.push(i);
    }
  }
  return found;
}

/**
 * Of the pixels of one mask's outline, the share that is on the outline of another no more; 0 where there is no outline.
 * @param {Uint8Array} before
 * @param {Uint8Array} after
 * @param {Size} size
 */
export function outlineLeft(before, after, size) {
  const outline = outlineOf(before, size), kept = new Set(outlineOf(after, size));
  return outline.length ? outline.filter((i) => !kept.has(i)).length / outline.length : 0;
}

/**
 * The share of all pairs of a pixel of salt and another one in which the probability of the first is higher, equal ones
 * counted as half: the area under the ROC curve (Hanley and McNeil 1982).
 * @param {Float32Array} probability
 * @param {Uint8Array} truth not 0 where there is salt; there has to be some of both
 */
export function rankedAbove(probability, truth) {
  const order = Uint32Array.from(probability, (_, i) => i).sort((a, b) => probability[a] - probability[b]);
  let below = 0, pairs = 0; // pixels without salt that are lower; pairs that are right
  for (let first = 0, end = 0; first < order.length; first = end) {
    let salt = 0;
    const value = probability[order[first]];
    for (; end < order.length && probability[order[end]] === value; end++) if (truth[order[end]]) salt++;
    const rest = end - first - salt;
    pairs += salt * (below + rest / 2);
    below += rest;
  }
  return pairs / (below * (order.length - below));
}

/**
 * The mean and the highest of the values inside a mask and outside of it.
 * @param {Float32Array} values
 * @param {Uint8Array} mask
 */
export function insideAndOutside(values, mask) {
  const inside = values.filter((_, i) => mask[i]), outside = values.filter((_, i) => !mask[i]);
  const mean = (/** @type {Float32Array} */ part) => part.reduce((sum, value) => sum + value, 0) / part.length;
  const highest = (/** @type {Float32Array} */ part) => part.reduce((most, value) => Math.max(most, value), -Infinity);
  return { inside, outside, means: [mean(inside), mean(outside)], highest: [highest(inside), highest(outside)] };
}

/** How many of some values are above what half of others are above. @param {Float32Array} values @param {Float32Array} others */
export const aboveMedian = (values, others) => countAbove(values, others.slice().sort()[others.length >> 1]);

/**
 * How much the grey changes from the row above to the row below, at every pixel.
 * @param {Uint8Array} grey
 * @param {Size} size
 */
export function changeOfRows(grey, { height, width }) {
  return Float32Array.from(grey, (_, i) => {
    const row = Math.floor(i / width), above = Math.max(0, row - 1), below = Math.min(height - 1, row + 1);
    return Math.abs(grey[i + (below - row) * width] - grey[i + (above - row) * width]) / Math.max(1, below - above);
  });
}

/**
 * Values of pixels, averaged over the cells of a site.
 * @param {ArrayLike<number>} values of the opened window
 * @param {Size} window
 * @param {{ stride: number, down: number, right: number, height: number, width: number }} grid see siteGrid
 */
export function cellMeans(values, window, { stride, down, right, height, width }) {
  const sums = new Float32Array(height * width), counts = new Float32Array(height * width);
  for (let row = 0, i = 0; row < window.height; row++) {
    const first = Math.floor((row + down) / stride) * width;
    for (let column = 0; column < window.width; column++, i++) {
      const cell = first + Math.floor((column + right) / stride);
      sums[cell] += values[i];
      counts[cell]++;
    }
  }
  return sums.map((sum, cell) => sum / counts[cell]);
}

/** One map of a site, in its 256 levels. @param {Maps} maps @param {number} channel */
export const mapLevels = ({ values, height, width }, channel) =>
  values.subarray(channel * height * width, (channel + 1) * height * width);
