// The figures of what changes: the input under a hand, and the network while it learned.

import { captionOf, windowWords } from "./caption.js";
import { countAbove, shareOf } from "../lib/statistics.js";
import { isWhole } from "../lib/region.js";
import { differencePicture, maskPicture } from "./panels.js";
import { editsWords, parseEdits, withMotion } from "../touch/edits.js";
import { epochScores } from "../time/curves.js";
import { epochWords } from "../lib/format.js";
import { predictedNow } from "../network_values.js";

/** @import { Explorer } from "../types.js" */
/** @import { Figure } from "./figure.js" */

const BLUE = "rgb(0 114 178)", VERMILION = "rgb(213 94 0)", GREEN = "rgb(0 158 115)";

/** The changed input beside the original. @param {Explorer} explorer @returns {Promise<Figure>} */
export async function touchFigure(explorer) {
  const { original, image, window, palette, state: { edits, threshold, random, epoch } } = explorer;
  const after = predictedNow(explorer);
  if (!after) throw new Error("The mask of the changed input is still computed.");
  const isOwn = isWhole(original, window) && !random && epoch === null;
  const before = isOwn ? original.probability : (await explorer.request({ kind: "predict", input: "" })).probability;
  const { operations } = parseEdits(edits, original), isMoved = withMotion(operations);
  const share = (/** @type {Float32Array} */ values) => shareOf(countAbove(values, threshold), values.length);
  const [one, other] = [before, after].map((values) => (100 * share(values)).toFixed(1));
  return {
    title: `Salt in ${image.name}, ${editsWords(operations)}`, columns: isMoved ? 2 : 3,
    pictures: [
      maskPicture({ image: original, palette }, "Original", before, threshold, window),
      maskPicture(explorer, "Changed", after, threshold, window),
      // What was moved has to be moved back before pixels can be compared.
      ...(isMoved ? [] : [differencePicture(explorer, "Change", before, after, window, "change of the probability")]),
    ],
    caption: captionOf(explorer, `The input as it is, and changed: ${editsWords(operations)}. Salt ${one} % and ${other} % of the `
      + `pixels. ${windowWords(explorer)}`),
  };
}

/** The mask after every epoch that is kept. @param {Explorer} explorer @returns {Figure} */
export function timeFigure(explorer) {
  const { window, epochs: table, network: { epochs, learned }, state: { epoch, threshold } } = explorer;
  if (!table) throw new Error("The epochs are still computed.");
  const every = [...epochs, null], places = every.map((_, place) => place), scores = epochScores(explorer);
  const curves = [
    { label: "salt, share of the section", color: GREEN, values: scores.map(({ area }) => area) },
    { label: "IoU with the truth", color: BLUE, values: scores.map(({ iou }) => iou) },
    { label: "IoU of the run's validation tiles", color: VERMILION, dashed: true, values: scores.map(({ validation }) => validation) },
  ].filter(({ values }) => values.some(Number.isFinite));
  return {
    title: "The mask while the network learned", columns: 8,
    pictures: every.map((one) => ({
      ...maskPicture(explorer, String(one ?? learned), table.probability(one), threshold, window), ticks: false,
    })),
    plots: [{
      x: places, curves, across: "epoch", down: "share", top: 1,
      ticks: every.map((one, place) => ({ at: place, label: String(one ?? learned) })),
      marks: [{ at: every.indexOf(epoch), dashed: true }],
    }],
    legend: curves.map(({ color, label }) => ({ color, label })),
    caption: captionOf(explorer, `The mask after each epoch that a snapshot was kept of; its number stands above it, and the last is the `
      + `finished network. The dashed line is the open one: ${epochWords(epoch, learned)}. ${windowWords(explorer)}`, { conditions: explorer.state.edits ? ["input changed"] : [] }),
  };
}
