// Python for the image: its probability, its mask at the threshold, and how good that is.

import {
  isAltered, openedImage, otherNetwork, respondingNetwork, seenPart, tracedPass, trainedNetwork, windowSlice,
} from "./network.js";
import { pythonLines, pythonScript } from "./script.js";

/** @import { Explorer } from "../types.js" */

/** What is no section, as `outside`; empty where all is. @param {Explorer} explorer */
export function outsideLines({ image }) {
  if (!image.margin) return "";
  // Of a section of a survey it is known what was not recorded.
  if (image.code.includes("\nmissing = ")) return "from unet.margin import margin\noutside = margin(image) | missing";
  return "from unet.image import grey\nfrom unet.margin import margin\noutside = margin(grey(image))  # no section, never salt";
}

/** `mask`, and what the line below the image says of it. @param {Explorer} explorer */
function foundLines(explorer) {
  const { state: { threshold }, image } = explorer;
  const outside = outsideLines(explorer), share = outside ? "mask.sum() / (~outside).sum()" : "mask.mean()";
  return pythonLines(
    "from unet import metrics", outside, outside && "probability[outside] = 0",
    `mask = metrics.mask(probability, ${threshold})`, `print(f"salt {100 * ${share}:.1f} %, {mask.sum()} pixels")`,
    image.truth && "overlap = metrics.iou(metrics.confusion(mask, truth))",
    image.truth && 'print(f"IoU {overlap:.2f}, mAP {metrics.average_precision(mask, truth):.2f}")',
  );
}

/** Image, network and `probability`, as the image shows it. @param {Explorer} explorer @returns {string[]} */
function shownProbability(explorer) {
  const { tta } = explorer.state, slice = windowSlice(explorer);
  if (!isAltered(explorer)) {
    return [openedImage(explorer), trainedNetwork(explorer), `probability = segmenter.probability(image${tta ? ", tta=True" : ""})`];
  }
  const pass = `${seenPart(explorer)}\n${tracedPass(explorer)}`;
  if (!slice) return [openedImage(explorer), respondingNetwork(explorer), `${pass}\nprobability = trace.probability`];
  return [ // around the window stands what the whole trained network says
    openedImage(explorer), `${trainedNetwork(explorer)}\nprobability = segmenter.probability(image)`, otherNetwork(explorer),
    `${pass}\nprobability${slice} = trace.probability`,
  ];
}

/** @param {Explorer} explorer */
function pointLines({ state: { pixel } }) {
  if (!pixel) return "";
  const [row, column] = pixel;
  return `print(f"row ${row}, column ${column}: probability {probability[${row}, ${column}]:.2f}")`;
}

/** @param {Explorer} explorer */
function spreadLines(explorer) {
  if (explorer.state.look !== "uncertainty") return "";
  return pythonLines(
    "from unet import explain", !isAltered(explorer) && seenPart(explorer),
    "spread = explain.uncertainty(segmenter, part)  # standard deviation under flips and small shifts",
    'print(f"spread of the probability: up to {spread.max():.3f}")',
  );
}

/** @param {Explorer} explorer */
export const imageCode = (explorer) => pythonScript([
  ...shownProbability(explorer), foundLines(explorer), pointLines(explorer), spreadLines(explorer),
]);

/** The curves against the threshold. @param {Explorer} explorer */
export function curvesCode(explorer) {
  const outside = outsideLines(explorer), section = outside ? "(~outside).sum()" : "mask.size";
  return pythonScript([
    ...shownProbability(explorer), pythonLines(outside, outside && "probability[outside] = 0"),
    pythonLines(
      "from unet import metrics", "for hundredths in range(5, 100, 5):",
      "    mask = metrics.mask(probability, hundredths / 100)",
      ...(explorer.image.truth
        ? ["    iou = metrics.iou(metrics.confusion(mask, truth))", '    print(f"{hundredths / 100:.2f}: IoU {iou:.2f}")']
        : [`    print(f"{hundredths / 100:.2f}: salt {100 * mask.sum() / ${section}:.1f} %")`]),
    ),
  ]);
}
