// The figure of deletion and insertion against random orders.

import { RANDOM_ORDERS } from "../pixel/faithfulness_requests.js";
import { askedBox } from "../code/panels.js";
import { captionOf, windowWords } from "./caption.js";
import { faithfulnessWords } from "../pixel/faithfulness.js";

/** @import { Box, Explorer, Faithfulness } from "../types.js" */
/** @import { Figure, Plot } from "./figure.js" */

const OWN = "rgb(0 114 178)", RANDOM = "rgb(110 110 110)";
const SHARE_TICKS = [0, 0.25, 0.5, 0.75, 1].map((at) => ({ at, label: `${100 * at} %` }));

/** @param {Explorer} explorer @param {() => boolean} isWanted @returns {Promise<Figure>} */
export async function holdFigure(explorer, isWanted) {
  const box = /** @type {Box} */ (askedBox(explorer)), { random } = explorer.state;
  const ask = (/** @type {number | null} */ seed) => explorer.request({ kind: "faithfulness", box, seed, random });
  const own = await ask(null);
  /** @type {Faithfulness[]} */
  const others = [];
  for (let seed = 0; seed < RANDOM_ORDERS; seed++) {
    if (!isWanted()) throw new Error("Nobody waits for this figure.");
    others.push(await ask(seed));
  }
  /** @param {"deletion" | "insertion"} name @param {string} title @returns {Plot} */
  const plot = (name, title) => {
    const of = (/** @type {(values: number[]) => number} */ summary) =>
      Array.from(own.shares, (_, i) => summary(others.map((other) => other[name][i])));
    return {
      title, x: own.shares, ticks: SHARE_TICKS, across: "share of the opened part", down: "probability", top: 1,
      curves: [
        { values: of((values) => Math.min(...values)), color: RANDOM, label: "", dashed: true },
        { values: of((values) => Math.max(...values)), color: RANDOM, label: "", dashed: true },
        { values: of((values) => values.reduce((sum, value) => sum + value, 0) / values.length), color: RANDOM, label: "" },
        { values: own[name], color: OWN, label: "" },
      ],
    };
  };
  const [top, left, height, width] = box;
  const place = height * width > 1 ? `${height} × ${width} pixels from row ${top}, column ${left} on` : `Row ${top}, column ${left}`;
  return {
    title: `${place}: does its answer hold?`, columns: 1, pictures: [],
    plots: [plot("deletion", "Deletion: blurred, the most influential first"), plot("insertion", "Insertion: sharp again, in that order")],
    legend: [{ color: OWN, label: "by influence" }, { color: RANDOM, label: `${RANDOM_ORDERS} random orders: mean, and dashed lowest and highest` }],
    caption: captionOf(explorer, `${place}. ${faithfulnessWords({ key: "", own, random: others, error: "" })} After Petsiuk, Das and `
      + `Saenko 2018, in squares of 8 × 8 pixels. ${windowWords(explorer)}`, { threshold: false }),
  };
}
