// Python for the question whether a pixel's answer holds: deletion and insertion against random orders.

import { RANDOM_ORDERS } from "../pixel/faithfulness_requests.js";
import { askedBox } from "./panels.js";
import { openedImage, respondingNetwork, seenName, seenPart } from "./network.js";
import { pythonLines, pythonScript, pythonTuple } from "./script.js";

/** @import { Box, Explorer } from "../types.js" */

/** @param {Explorer} explorer */
export function holdCode(explorer) {
  const { window } = explorer, seen = seenName(explorer);
  const [top, left, ...size] = /** @type {Box} */ (askedBox(explorer));
  return pythonScript([openedImage(explorer), respondingNetwork(explorer), seenPart(explorer), pythonLines(
    "from unet import explain",
    `box = ${pythonTuple([top - window.top, left - window.left, ...size])}  # row, column, height, width`,
    `influence = explain.explain_pixel(segmenter, ${seen}, box).influence`,
    `own = explain.faithfulness(segmenter, ${seen}, box, explain.order_of(influence))`,
    `orders = [explain.random_order(${seen}.shape, seed) for seed in range(${RANDOM_ORDERS})]`,
    `others = [explain.faithfulness(segmenter, ${seen}, box, order) for order in orders]`,
    "deletion = sum(other.deletion_area < own.deletion_area for other in others)",
    "insertion = sum(other.insertion_area > own.insertion_area for other in others)",
    `print(f"better than random in {deletion} of ${RANDOM_ORDERS} tries by deletion, in {insertion} by insertion")`,
    'print(f"blurring the first 10 %: probability from {own.deletion[0]:.2f} to {own.deletion[2]:.2f}")',
  )]);
}
