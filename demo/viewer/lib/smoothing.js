// How fine a noisy map is: what two halves of its copies agree on stays, what they do not is smoothed away.

import { correlation } from "./statistics.js";

/** @import { Size } from "../types.js" */
/** @typedef {{ values: Float32Array, sigma: number, reliability: number }} ResolvedMap */

const SIGMAS = [0, 0.5, 0.7, 1, 1.4, 2, 2.8, 4]; // pixels
const RELIABLE = 0.8; // of the map's variance that is there to be the same with other noise

/**
 * A Gaussian over a map, mirrored at its edges; four standard deviations to every side.
 * @param {Float32Array} values
 * @param {Size} size
 * @param {number} sigma in pixels
 */
export function gaussianBlur(values, { height, width }, sigma) {
  if (!sigma) return values;
  const reach = Math.ceil(4 * sigma);
  const bell = Float64Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)));
  const sum = bell.reduce((one, other) => one + other);
  const weights = bell.map((weight) => weight / sum);
  const across = blurLines(values, height, width, width, 1, weights);
  return blurLines(across, width, height, 1, width, weights);
}

/**
 * @param {Float32Array} values
 * @param {number} lines
 * @param {number} length of a line
 * @param {number} step from one line to the next
 * @param {number} along from one value of a line to the next
 * @param {Float64Array} weights
 */
function blurLines(values, lines, length, step, along, weights) {
  const reach = weights.length >> 1, period = Math.max(1, 2 * length - 2);
  // Where the line goes on beyond its ends: c b | a b c | b a.
  const mirrored = Int32Array.from({ length: length + 2 * reach }, (_, i) => {
    const place = (((i - reach) % period) + period) % period;
    return Math.min(place, period - place);
  });
  const blurred = new Float32Array(values.length);
  for (let line = 0; line < lines; line++) {
    for (let at = 0; at < length; at++) {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * values[line * step + mirrored[at + i] * along];
      blurred[line * step + at * along] = sum;
    }
  }
  return blurred;
}

/** The mean of maps of one size. @param {Float32Array[]} maps */
const meanOfMaps = (maps) => maps[0].map((_, i) => maps.reduce((sum, map) => sum + map[i], 0) / maps.length);

/**
 * The mean of maps that differ by their noise, smoothed just as far as its two halves agree.  Reliability is the
 * correlation to be expected with a map of as many new copies: 2 r / (1 + r) of that between the halves (Spearman 1910,
 * Brown 1910).  Where no smoothing reaches the wanted one, the most reliable of them is taken.
 * @param {Float32Array[]} maps an even number
 * @param {Size} size
 * @returns {ResolvedMap}
 */
export function resolveMap(maps, size) {
  const halves = [0, 1].map((half) => meanOfMaps(maps.filter((_, i) => i % 2 === half)));
  /** @type {ResolvedMap | null} */
  let best = null;
  for (const sigma of SIGMAS) {
    const smoothed = halves.map((half) => gaussianBlur(half, size, sigma));
    const r = correlation(smoothed[0], smoothed[1]);
    const reliability = r > 0 ? (2 * r) / (1 + r) : 0;
    if (!best || reliability > best.reliability) best = { values: meanOfMaps(smoothed), sigma, reliability };
    if (best.reliability >= RELIABLE) break;
  }
  return /** @type {ResolvedMap} */ (best);
}
