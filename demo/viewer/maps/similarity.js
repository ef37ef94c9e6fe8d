// How alike the feature vectors of two positions are: the cosine of the angle between all their channels.

import { cached } from "../lib/cache.js";

/** @import { Maps, Place, Size, ViewState } from "../types.js" */

const NEIGHBOURHOOD = 16; // pixels around a place in which everything is alike, because the network sees nearly the same

/** Whether a click is a place whose alike are looked for. @param {ViewState} state */
export const seeksAlike = ({ alike, tab, layer }) =>
  alike !== null && tab === "maps" && layer !== null && layer !== "logits";

/**
 * The Euclidean norm of the feature vector at every position of a site, over all its channels.
 * @type {(map: Maps) => Float64Array}
 */
export const featureNorms = cached((/** @type {Maps} */ { values, low, high, channels, height, width }) => {
  const squares = new Float64Array(height * width);
  for (let channel = 0, j = 0; channel < channels; channel++) {
    const start = low[channel], step = (high[channel] - start) / 255;
    for (let i = 0; i < squares.length; i++, j++) squares[i] += (start + step * values[j]) ** 2;
  }
  return squares.map(Math.sqrt);
});

/**
 * The cosine similarity of the feature vector at one position with that at every position of a site, of the same image
 * or of another one: (height * width) values from -1 to 1, NaN where either vector is 0, as it has no direction.
 *
 * The levels are not turned into values first: with a value low + step * level, a product of two vectors is a sum over the
 * levels and a constant.
 * @param {Maps} map
 * @param {number} cell the position, row by row
 * @param {Maps} [other] of as many channels
 */
export function cosineSimilarity(map, cell, other = map) {
  const { values } = other, size = other.height * other.width, own = map.height * map.width;
  const products = new Float64Array(size);
  let constant = 0;
  for (let channel = 0; channel < map.channels; channel++) {
    const low = map.low[channel];
    const value = low + ((map.high[channel] - low) / 255) * map.values[channel * own + cell];
    if (value === 0) continue; // most are, behind a ReLU
    const step = (value * (other.high[channel] - other.low[channel])) / 255;
    constant += value * other.low[channel];
    for (let i = 0, j = channel * size; i < size; i++, j++) products[i] += step * values[j];
  }
  const norm = featureNorms(map)[cell], norms = featureNorms(other);
  return Float32Array.from(products, (product, i) =>
    (norm && norms[i] ? Math.max(-1, Math.min(1, (product + constant) / (norm * norms[i]))) : NaN));
}

/**
 * The position with the highest similarity, the first of equals; -1 where none has one.
 * @param {Float32Array} similarity
 * @param {Size} size
 * @param {Place | null} [from] a position whose neighbourhood is left out
 * @param {number} [stride] pixels a position covers a side
 */
export function mostAlike(similarity, { height, width }, from = null, stride = 1) {
  const apart = positionsApart(stride);
  let best = -1, highest = -Infinity;
  for (let row = 0, i = 0; row < height; row++) {
    const isRowNear = from !== null && Math.abs(row - from[0]) < apart;
    for (let column = 0; column < width; column++, i++) {
      if (!(similarity[i] > highest) || (isRowNear && Math.abs(column - from[1]) < apart)) continue;
      [best, highest] = [i, similarity[i]];
    }
  }
  return best;
}

/** How many positions away another place begins. @param {number} stride */
export const positionsApart = (stride) => Math.max(2, Math.ceil(NEIGHBOURHOOD / stride));

/** The middle one of the values that there are; NaN where there are none. @param {Float32Array} values */
export function medianOf(values) {
  const known = values.filter((value) => !Number.isNaN(value)).sort();
  return known.length ? known[known.length >> 1] : NaN;
}
