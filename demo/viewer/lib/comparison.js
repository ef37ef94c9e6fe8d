// Two predictions of the same pixels in numbers: how much is salt, how good each is, and how far they differ.
//
//   const table = comparisonTable("cut-result", ["whole", "cut", "change"]);
//   table.show(comparePredictions(whole, cut, ground), "skip1 cut");
//
// comparePredictions alone gives the numbers, for a sentence.  Where the two differ is drawn by difference.js.

import { confusion, iou, meanOf, sectionOf, shareOf } from "./statistics.js";
import { crop } from "./region.js";
import { h } from "./dom.js";
import { signed, writtenChange } from "./format.js";

/** @import { Explorer } from "../types.js" */
/** @typedef {{ probability: Float32Array, threshold: number }} Prediction a probability for every pixel */
/** @typedef {[number, number]} Pair of the one and of the other */
/**
 * @typedef {object} Comparison
 * @property {Pair} areas shares of the section that are salt, from 0 to 1
 * @property {Pair | null} scores IoU with the truth; null without one
 * @property {Pair} means mean probability
 * @property {number} distance mean absolute difference of a pixel's two probabilities
 * @property {number} overlap IoU of the two masks
 * @property {Pair} alone how many pixels are salt in the one only, and in the other only
 */

/** How many pixels of the opened window are section, and their truth. @param {Pick<Explorer, "image" | "window">} explorer */
export const groundOfWindow = ({ image, window }) => ({
  section: sectionOf(image.margin && crop(image.margin, image, window), window.height * window.width),
  truth: image.truth && crop(image.truth, image, window),
});

/**
 * @param {Prediction} one
 * @param {Prediction} other of the same pixels
 * @param {{ section: number, truth: Uint8Array | null }} ground how many of the pixels are section; the truth is not 0
 *   where there is salt
 * @returns {Comparison}
 */
export function comparePredictions(one, other, { section, truth }) {
  const limits = [Math.fround(one.threshold), Math.fround(other.threshold)];
  const { length } = one.probability;
  let both = 0, oneAlone = 0, otherAlone = 0, sum = 0;
  for (let i = 0; i < length; i++) {
    const a = one.probability[i], b = other.probability[i];
    if (a > limits[0]) {
      if (b > limits[1]) both++;
      else oneAlone++;
    } else if (b > limits[1]) otherAlone++;
    sum += Math.abs(b - a);
  }
  const score = (/** @type {Prediction} */ { probability, threshold }, /** @type {Uint8Array} */ labels) =>
    iou(confusion(probability, labels, threshold));
  return {
    areas: [shareOf(both + oneAlone, section), shareOf(both + otherAlone, section)],
    scores: truth && [score(one, truth), score(other, truth)],
    means: [meanOf(one.probability), meanOf(other.probability)],
    distance: shareOf(sum, length),
    overlap: iou({ tp: both, fp: otherAlone, fn: oneAlone }),
    alone: [oneAlone, otherAlone],
  };
}

/**
 * @param {string} testid
 * @param {[string, string, string]} columns what the one, the other and their difference are called
 */
export function comparisonTable(testid, columns) {
  const caption = h("caption"), rows = h("tbody");
  const table = h("table", { class: "comparison", "data-testid": testid }, caption,
    h("thead", {}, h("tr", {}, h("td"), columns.map((name) => h("th", { scope: "col" }, name)))), rows);

  /** @param {string} name @param {Pair} pair @param {number} digits */
  function line(name, [one, other], digits, unit = "", differenceUnit = unit) {
    const values = [one, other].map((value) => value.toFixed(digits) + unit);
    const cells = [...values, signed(writtenChange(one, other, digits), digits) + differenceUnit].map((text) => h("td", {}, text));
    return h("tr", {}, h("th", { scope: "row" }, name), cells);
  }

  return {
    table,
    /** @param {Comparison} comparison @param {string} words what is compared */
    show({ areas: [one, other], scores, means, distance }, words) {
      caption.textContent = words;
      rows.replaceChildren(
        line("Salt area", [100 * one, 100 * other], 1, " %", " points"),
        ...(scores ? [line("IoU", scores, 2)] : []),
        line("Mean probability", means, 3),
        h("tr", {}, h("th", { scope: "row", colspan: 3 }, `Mean ${columns[2]} of a pixel, up or down`),
          h("td", {}, distance.toFixed(3))),
      );
    },
  };
}
