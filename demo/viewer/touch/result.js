// What the change of the input did to the answer: numbers, where the probability changed, and how far an impulse reaches.

import { comparePredictions, comparisonTable, groundOfWindow } from "../lib/comparison.js";
import { differenceMap } from "../lib/difference.js";
import { crop, isWhole, partWords } from "../lib/region.js";
import { weightsWords } from "../lib/answer.js";
import { changedInput } from "./changed.js";
import { editsText, editsWords, isMotion, parseEdits } from "./edits.js";
import { equivariance } from "./equivariance.js";
import { h } from "../lib/dom.js";
import { moveValues } from "./motion.js";
import { plural, writtenChange } from "../lib/format.js";
import { predictedNow } from "../network_values.js";

/** @import { Explorer, Size } from "../types.js" */
/** @import { Comparison } from "../lib/comparison.js" */
/** @import { Operation } from "./edits.js" */

const LEAST_CHANGE = 1e-3; // of a probability that counts as one

/**
 * Where a probability changed, and by how much at most.
 * @param {Float32Array} before
 * @param {Float32Array} after
 * @param {Size} size
 * @returns {{ largest: number, rows: number, columns: number }} the sides of the box that holds every change above
 *   `LEAST_CHANGE`
 */
export function changeExtent(before, after, { height, width }) {
  let largest = 0, top = height, bottom = -1, left = width, right = -1;
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0; column < width; column++, i++) {
      const change = Math.abs(after[i] - before[i]);
      largest = Math.max(largest, change);
      if (change <= LEAST_CHANGE) continue;
      top = Math.min(top, row);
      bottom = row;
      left = Math.min(left, column);
      right = Math.max(right, column);
    }
  }
  return { largest, rows: bottom < 0 ? 0 : bottom - top + 1, columns: right < 0 ? 0 : right - left + 1 };
}

/** @param {Explorer} explorer @param {() => void} arrived something came that the result needs */
export function touchResult(explorer, arrived) {
  const { table, show } = comparisonTable("touch-result", ["original", "changed", "difference"]);
  const difference = differenceMap(explorer, "touch", "probability of the changed input minus that of the original");
  const response = differenceMap(explorer, "impulse", "probability with the impulse minus without");
  const moved = h("p", { "data-testid": "touch-equivariance", hidden: true });
  const reach = h("p", { "data-testid": "touch-impulse", hidden: true });
  const box = h("div", { class: "touch-found", "data-testid": "touch-found", hidden: true }, moved, reach,
    h("div", { class: "compared" }, table, difference.box, response.box));
  const withoutImpulses = changedInput(); // its own: the image's would forget what it remembers

  /** The network that responds, in the window that is opened. */
  const scene = ({ original, window, state: { random, epoch } } = explorer) =>
    JSON.stringify([original.key, window, random, epoch]);

  /** A probability of the window that is requested once, when the hand rests. */
  function fetched() {
    let asked = "";
    /** @type {Float32Array | null} */
    let known = null;
    /** @param {string} input @returns {Float32Array | null} null while it is computed */
    return (input) => {
      const { original, window, state: { random, epoch } } = explorer, wanted = `${scene()} ${input}`;
      if (!input && isWhole(original, window) && !random && epoch === null) return original.probability;
      if (wanted === asked) return known;
      if (explorer.isMoving) return null;
      asked = wanted;
      known = null;
      explorer.request({ kind: "predict", input }).then(({ probability }) => {
        if (asked !== wanted) return;
        known = probability;
        arrived();
      }, () => { if (asked === wanted) asked = ""; });
      return null;
    };
  }
  const ofOriginal = fetched(), ofRest = fetched();

  /** The original's answer where the image is now, so that like is compared with like. @param {Float32Array} own @param {Operation[]} operations */
  function movedAlong(own, operations) {
    const { original, window } = explorer;
    const whole = isWhole(original, window) ? own : original.probability.slice();
    for (let row = 0; whole !== own && row < window.height; row++) {
      const values = own.subarray(row * window.width, (row + 1) * window.width);
      whole.set(values, (window.top + row) * original.width + window.left);
    }
    return crop(moveValues(whole, original, operations), original, window);
  }

  /** @param {Operation[]} operations @param {Float32Array} own @param {Float32Array} changed @returns {string} */
  function equivarianceWords(operations, own, changed) {
    const { original: image, window, state: { threshold } } = explorer;
    const found = equivariance(own, changed, editsText(operations), { image, window, threshold });
    if (!found) return "";
    if (!found.pixels) return "No pixel of the image is still in sight: nothing can be compared.";
    const kept = (100 * found.kept) / found.pixels, most = found.kept < found.pixels ? Math.min(99.9, kept) : kept;
    return `Moved back, ${most.toFixed(1)} % of the ${plural(found.pixels, "pixel")} that stayed in sight keep their side of the `
      + `threshold; IoU of the two masks ${found.overlap.toFixed(3)}, mean change of a probability ${found.change.toFixed(4)}.`;
  }

  /** The answer without the impulses; null where there is none, or not known yet. @param {Operation[]} operations */
  function withoutImpulse(operations) {
    const rest = operations.filter(({ kind }) => kind !== "impulse");
    if (rest.length === operations.length) return null;
    return ofRest(withoutImpulses(explorer.original, editsText(rest), explorer.window).input);
  }

  /** @param {number} count @param {Float32Array} before @param {Float32Array} changed */
  function impulseWords(count, before, changed) {
    const { window, network: { field } } = explorer;
    const { largest, rows, columns } = changeExtent(before, changed, window);
    const what = count > 1 ? `The ${count} impulses` : "The impulse";
    const how = `${what} changed a probability by ${largest.toFixed(3)} at most`;
    const theory = `The receptive field is ${field} × ${field}.`;
    if (!rows) return `${how}, nowhere by more than ${LEAST_CHANGE}. ${theory}`;
    const part = isWhole(window, { ...window, height: rows, width: columns }) ? ", all that is opened" : "";
    return `${how}, and by more than ${LEAST_CHANGE} within ${rows} × ${columns} pixels${part}. ${theory}`;
  }

  /** @param {Comparison} comparison @param {Operation[]} operations */
  function answerWords({ areas }, operations) {
    const [before, now] = areas.map((area) => (100 * area).toFixed(1));
    const where = partWords(explorer.original, explorer.window) && " in the opened part";
    const what = editsWords(operations), uncut = explorer.state.cuts.length ? ", nothing cut" : "";
    const points = writtenChange(100 * areas[0], 100 * areas[1], 1);
    const change = `${Math.abs(points).toFixed(1)} points ${points < 0 ? "less" : "more"}`;
    const salt = before === now ? `salt stays ${now} %${where}` : `salt ${now} % instead of ${before} %${where}, ${change}`;
    const weights = weightsWords(explorer), by = weights && `, ${weights}`;
    return `${what[0].toUpperCase()}${what.slice(1)}${uncut}${by}: ${salt}.`;
  }

  /** Nothing is changed, or nothing is known of it. */
  function clear() {
    box.hidden = true;
    difference.drop();
    response.drop();
  }

  return {
    box, clear, over: [difference.over, response.over],
    follow() {
      difference.follow();
      response.follow();
    },
    /**
     * Shows what is known of the newest input.
     * @returns the result in one sentence; empty while it is not known
     */
    show() {
      const { original, window, state: { edits, threshold } } = explorer;
      const { operations } = parseEdits(edits, original);
      const own = ofOriginal(""), after = predictedNow(explorer);
      const isLost = !after && explorer.predictedError !== null;
      if (isLost) clear();
      box.setAttribute("aria-busy", String(!isLost && !(own && after))); // what stands there is of the input before
      if (!own || !after) return "";
      const before = movedAlong(own, operations);
      const [one, other] = [before, after].map((probability) => ({ probability, threshold }));
      const comparison = comparePredictions(one, other, groundOfWindow(explorer));
      box.hidden = false;
      show(comparison, `IoU of the two masks ${comparison.overlap.toFixed(2)}`);
      const unlit = withoutImpulse(operations), impulses = operations.filter(({ kind }) => kind === "impulse").length;
      if (unlit) {
        difference.drop();
        response.show(unlit, after, window);
        response.describe(`What the ${impulses > 1 ? "impulses" : "impulse"} alone changed.`);
      } else {
        response.drop();
        difference.show(before, after, window);
        const [lost, gained] = comparison.alone.map((count) => plural(count, "pixel"));
        difference.describe(`Salt no more: ${lost}; salt now: ${gained}.`);
      }
      moved.textContent = isMotion(operations) ? equivarianceWords(operations, own, after) : "";
      reach.textContent = unlit ? impulseWords(impulses, unlit, after) : "";
      for (const sentence of [moved, reach]) sentence.hidden = !sentence.textContent;
      return answerWords(comparison, operations);
    },
  };
}
