// Python for what changes: the input under a hand, and the network while it learned.

import { codeOfEpoch, openedImage, respondingNetwork, seenName, seenPart, windowSlice } from "./network.js";
import { knowsTruth } from "./image.js";
import { parseEdits, withMotion } from "../touch/edits.js";
import { pythonLines, pythonScript } from "./script.js";

/** @import { Explorer } from "../types.js" */

/** The changed input beside the original. @param {Explorer} explorer */
export function touchCode(explorer) {
  const { original, state: { threshold, edits } } = explorer;
  // What was moved would have to be moved back before pixels can be compared.
  const isInPlace = !withMotion(parseEdits(edits, original).operations);
  return pythonScript([
    openedImage(explorer), respondingNetwork(explorer), seenPart(explorer),
    pythonLines(
      "from unet import metrics",
      `inputs = {"original": image${windowSlice(explorer)}, "changed": part}`,
      "probabilities = {name: segmenter.probability(values) for name, values in inputs.items()}",
      "for name, probability in probabilities.items():",
      `    mask = metrics.mask(probability, ${threshold})`,
      '    print(f"{name}: salt {100 * mask.mean():.1f} %, mean probability {probability.mean():.3f}")',
      isInPlace && 'change = abs(probabilities["changed"] - probabilities["original"])',
      isInPlace && 'print(f"mean change of a pixel: {change.mean():.3f}, largest {change.max():.3f}")',
    ),
  ]);
}

/** The network after every epoch that is kept, and the finished one. @param {Explorer} explorer */
export function timeCode(explorer) {
  const { state: { threshold }, network: { code, epochs } } = explorer;
  const shipped = code.includes("shipped_weights()") && "from unet.segmenter import shipped_weights";
  return pythonScript([openedImage(explorer), seenPart(explorer), pythonLines(
    "from unet import Segmenter, metrics", shipped,
    `for epoch in (${epochs.join(", ")}, None):  # None is the finished network`,
    `    segmenter = ${codeOfEpoch(code, "epoch")}`,
    `    mask = metrics.mask(segmenter.probability(${seenName(explorer)}), ${threshold})`,
    knowsTruth(explorer) && `    overlap = metrics.iou(metrics.confusion(mask, truth${windowSlice(explorer)}))`,
    `    print(f"epoch {epoch}: salt {100 * mask.mean():.1f} %${knowsTruth(explorer) ? ", IoU {overlap:.2f}" : ""}")`,
  )]);
}
