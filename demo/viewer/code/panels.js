// Python for the panels below the network but the maps: cuts, a pixel's reasons, its values, a second network.

import {
  fillOf, loading, openedImage, respondingNetwork, seenName, seenPart, tracedPass, trainedNetwork, windowSlice,
} from "./network.js";
import { knowsTruth, outsideLines, partProbability } from "./image.js";
import { pythonLines, pythonScript, pythonTuple } from "./script.js";
import { windowPosition } from "../maps/core_sample.js";

/** @import { Box, Explorer } from "../types.js" */

/** What is opened, and the network that responds. @param {Explorer} explorer */
const scene = (explorer) => [openedImage(explorer), respondingNetwork(explorer), seenPart(explorer)];

/** The same, and a forward pass of it. @param {Explorer} explorer */
export const tracedScene = (explorer) => [...scene(explorer), tracedPass(explorer)];

/** How much of a mask's pixels is salt, without what is no section. @param {string} outside lines */
const saltShare = (outside) => (outside ? "mask.sum() / (~outside).sum()" : "mask.mean()");

/** What of the window is no section. @param {Explorer} explorer */
function outsidePart(explorer) {
  const lines = outsideLines(explorer), slice = windowSlice(explorer);
  return pythonLines(lines, lines && slice && `outside = outside${slice}`);
}

/** The whole network beside the cut one, or every combination of cuts. @param {Explorer} explorer */
export function cutCode(explorer) {
  const { state: { cuts, threshold } } = explorer;
  const { argument, lines } = fillOf(explorer), outside = outsidePart(explorer), share = saltShare(outside);
  const start = [...scene(explorer), pythonLines(
    "from unet import explain, metrics", lines,
    `table = explain.cut_table(segmenter, ${seenName(explorer)}${argument})  # a probability for every combination of cuts`,
    outside, outside && "table[:, outside] = 0", "parts = explain.parts(segmenter)",
  )];
  if (!cuts.length) {
    return pythonScript([...start, pythonLines(
      "for index, probability in enumerate(table):",
      "    cut = [part for bit, part in enumerate(parts) if index >> bit & 1]",
      `    mask = metrics.mask(probability, ${threshold})`,
      `    print(f"{', '.join(cut) or 'nothing'} cut: salt {100 * ${share}:.1f} %")`,
    )]);
  }
  return pythonScript([...start, pythonLines(
    `index = sum(1 << parts.index(part) for part in ${pythonTuple(cuts)})`,
    'for name, probability in (("whole", table[0]), ("cut", table[index])):',
    `    mask = metrics.mask(probability, ${threshold})`,
    `    print(f"{name}: salt {100 * ${share}:.1f} %, mean probability {probability.mean():.3f}")`,
    knowsTruth(explorer) && `    print(f"{name}: IoU {metrics.iou(metrics.confusion(mask, truth${windowSlice(explorer)})):.2f}")`,
    'print(f"mean change of a pixel: {abs(table[index] - table[0]).mean():.3f}")',
  )]);
}

/** What is asked about, in the image's pixels. @param {Explorer} explorer @returns {Box | null} */
export const askedBox = ({ state: { pixel, box } }) => box ?? (pixel && [...pixel, 1, 1]);

/** What a pixel's answer rests on. @param {Explorer} explorer */
export function whyCode(explorer) {
  const { window } = explorer, [top, left, ...size] = /** @type {Box} */ (askedBox(explorer));
  const box = pythonTuple([top - window.top, left - window.left, ...size]);
  return pythonScript([...scene(explorer), pythonLines(
    "from unet import explain",
    `box = ${box}  # row, column, height, width${windowSlice(explorer) && " in the opened part"}`,
    `found = explain.explain_pixel(segmenter, ${seenName(explorer)}, box)`,
    'print(f"probability {found.probability:.2f}, logit {found.logit:.2f}")',
    "for share in (0.9, 0.5):",
    "    row, column, height, width = explain.influence_box(found.influence, box, share)",
    '    print(f"{100 * share:.0f} % of the influence comes from {height} x {width} pixels at row {row}, column {column}")',
    "# Also in it: found.gradient, the input gradient, and found.cams, Grad-CAM of every level.",
    "# explain.smooth_gradient is the mean gradient over noisy copies.",
  )]);
}

/** One position through every block. @param {Explorer} explorer */
export function valuesCode(explorer) {
  const { row, column } = windowPosition(explorer), shown = partProbability(explorer);
  return pythonScript([...tracedScene(explorer), pythonLines(
    "padding = trace.padding",
    `row, column = ${row} + padding.top, ${column} + padding.left${windowSlice(explorer) && "  # in the opened part"}`,
    "for name, maps in trace.sites.items():",
    "    stride = padding.padded_height // maps.shape[1]",
    "    values = maps[:, row // stride, column // stride]",
    "    strongest = abs(values).argmax()",
    '    print(f"{name}: map {strongest}: {values[strongest]:.3g}")',
    `print(f"probability {${shown}[${row}, ${column}]:.2f}")`,
  )]);
}

/** Two networks, whole and trained, without flip TTA. @param {Explorer} explorer */
export function compareCode(explorer) {
  const { state: { threshold, other: name }, network: { others } } = explorer;
  const outside = outsideLines(explorer);
  return pythonScript([
    openedImage(explorer),
    pythonLines(trainedNetwork(explorer), loading("other", others.find((one) => one.name === name)?.code ?? "")),
    pythonLines(
      "from unet import metrics", outside,
      "probabilities = [network.probability(image) for network in (segmenter, other)]",
      `masks = [metrics.mask(probability, ${threshold}) for probability in probabilities]  # other.threshold is the second's own`,
      "for mask, probability in zip(masks, probabilities, strict=True):",
      outside && "    probability[outside] = mask[outside] = 0",
      `    print(f"salt {100 * ${saltShare(outside)}:.1f} %, mean probability {probability.mean():.3f}")`,
      'print(f"IoU of the two masks {metrics.iou(metrics.confusion(*masks)):.2f}")',
      'print(f"mean difference of a pixel {abs(probabilities[1] - probabilities[0]).mean():.3f}")',
    ),
  ]);
}
