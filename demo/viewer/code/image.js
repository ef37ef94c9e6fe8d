// Python for the image: its probability, its mask at the threshold, and how good that is.

import {
  isAltered, openedImage, otherNetwork, respondingNetwork, seenName, seenPart, tracedPass, trainedNetwork, windowSlice,
} from "./network.js";
import { pythonLines, pythonScript } from "./script.js";
import { parseEdits, withMotion } from "../touch/edits.js";

/** @import { Explorer } from "../types.js" */

/**
 * Whether the truth is that of the file: a move of the image moves it too, and no file holds that.
 * @param {Explorer} explorer
 */
export const knowsTruth = ({ image, input, state: { edits } }) =>
  image.truth !== null && !(input && withMotion(parseEdits(edits, image).operations));

/** What is no section, as `outside`; empty where all is. @param {Explorer} explorer */
export function outsideLines(explorer) {
  const { image, input } = explorer, slice = windowSlice(explorer);
  if (!image.margin) return "";
  if (input) {
    return pythonLines("from unet.image import grey", "from unet.margin import margin",
      slice ? "outside = margin(grey(image))" : "outside = margin(part)  # no section, never salt",
      slice && `outside${slice} = margin(part)`);
  }
  // Of a section of a survey it is known what was not recorded.
  if (image.code.includes("\nmissing = ")) return "from unet.margin import margin\noutside = margin(image) | missing";
  return "from unet.image import grey\nfrom unet.margin import margin\noutside = margin(grey(image))  # no section, never salt";
}

/** `mask`, and what the line below the image says of it. @param {Explorer} explorer */
function foundLines(explorer) {
  const { threshold } = explorer.state;
  const outside = outsideLines(explorer), share = outside ? "mask.sum() / (~outside).sum()" : "mask.mean()";
  return pythonLines(
    "from unet import metrics", outside, outside && "probability[outside] = 0",
    `mask = metrics.mask(probability, ${threshold})`, `print(f"salt {100 * ${share}:.1f} %, {mask.sum()} pixels")`,
    knowsTruth(explorer) && "overlap = metrics.iou(metrics.confusion(mask, truth))",
    knowsTruth(explorer) && 'print(f"IoU {overlap:.2f}, mAP {metrics.average_precision(mask, truth):.2f}")',
  );
}

/** Image, network and `probability`, as the image shows it. @param {Explorer} explorer @returns {string[]} */
function shownProbability(explorer) {
  const { tta } = explorer.state, slice = windowSlice(explorer);
  if (!isAltered(explorer)) {
    return [openedImage(explorer), trainedNetwork(explorer), `probability = segmenter.probability(image${tta ? ", tta=True" : ""})`];
  }
  const pass = pythonLines(seenPart(explorer), tracedPass(explorer));
  if (!slice) return [openedImage(explorer), respondingNetwork(explorer), `${pass}\nprobability = trace.probability`];
  return [ // around the window stands what the whole trained network says
    openedImage(explorer), `${trainedNetwork(explorer)}\nprobability = segmenter.probability(image)`, otherNetwork(explorer),
    `${pass}\nprobability${slice} = trace.probability`,
  ];
}

/** The probability that the image shows in the opened part; that of a large image is blended from many tiles. @param {Explorer} explorer */
export function partProbability(explorer) {
  const slice = windowSlice(explorer), { tta } = explorer.state;
  if (isAltered(explorer) || !(slice || tta)) return "trace.probability";
  return `segmenter.probability(image${tta ? ", tta=True" : ""})${slice}`;
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
    `spread = explain.uncertainty(segmenter, ${seenName(explorer)})  # standard deviation under flips and small shifts`,
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
      ...(knowsTruth(explorer)
        ? ["    iou = metrics.iou(metrics.confusion(mask, truth))", '    print(f"{hundredths / 100:.2f}: IoU {iou:.2f}")']
        : [`    print(f"{hundredths / 100:.2f}: salt {100 * mask.sum() / ${section}:.1f} %")`]),
    ),
  ]);
}
