// What stands under a figure: the image, the network, and how it was run.

import { partWords } from "../lib/region.js";

/** @import { Explorer } from "../types.js" */

/** The image and its size. @param {Explorer} explorer */
const imageWords = ({ image }) => `${image.name}, ${image.height} rows by ${image.width} columns`;

/** How the network that responds differs from the whole trained one. @param {Explorer} explorer @returns {string[]} */
export function networkWords({ state: { random, epoch, edits } }) {
  return [
    ...(random ? ["with random weights"] : []), ...(epoch === null ? [] : [`snapshot of epoch ${epoch}`]),
    ...(edits ? ["input changed"] : []),
  ];
}

/** @param {Explorer} explorer */
export function cutWords({ state: { cuts, fill } }) {
  if (!cuts.length) return [];
  const instead = { zero: "zero", mean: "the mean of each channel" }[fill] ?? `what ${fill} has`;
  return [`without ${cuts.join(", ")} (${instead} in place)`];
}

/**
 * @param {Explorer} explorer
 * @param {string} what is drawn, in sentences
 * @param {{ threshold?: boolean, conditions?: string[] }} [of] whether the threshold matters; how the network was run
 */
export function captionOf(explorer, what, { threshold = true, conditions = networkWords(explorer) } = {}) {
  const at = threshold ? [`threshold ${explorer.state.threshold.toFixed(2)}`] : [];
  return `${imageWords(explorer)}. ${what} ${[`Weights ${explorer.weights || "as loaded"}`, ...conditions, ...at].join(", ")}.`;
}

/** Of a part of the image, where a figure shows one. @param {Explorer} explorer */
export function windowWords({ image, window }) {
  const words = partWords(image, window).trim();
  return words && `It is${words.replace(/^in/, " in")}.`;
}
