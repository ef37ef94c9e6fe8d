// The figure of the image: its salt as it is shown, and the curves against the threshold.

import { canvasRaster, classRaster, colorBar, greyRaster, outlinePath, unsignedBar, valueRaster } from "./colors.js";
import { captionOf, cutWords, networkWords } from "./caption.js";
import { CLASS_COLORS, FALSE_NEGATIVE, FALSE_POSITIVE, SPREADS, TRUE_POSITIVE, isCompared } from "../image/painting.js";
import { confusion, countAbove, iou, largestOf, shareOf, thresholdCurves } from "../lib/statistics.js";
import { evenTicks } from "./plot.js";
import { plural } from "../lib/format.js";

/** @import { Explorer, Region } from "../types.js" */
/** @import { ColorBar, Figure, Outline, Raster } from "./figure.js" */

/**
 * A class a pixel: bit 0, salt for the network; bit 1, salt in the truth.
 * @param {ArrayLike<number>} probability
 * @param {number} threshold
 * @param {Uint8Array | null} [truth]
 */
export function maskClasses(probability, threshold, truth = null) {
  const limit = Math.fround(threshold);
  return Uint8Array.from(probability, (value, i) => (value > limit ? 1 : 0) | (truth?.[i] ? 2 : 0));
}

/** @param {number[]} color */
const css = (color) => `rgb(${color.join(" ")})`;

/** What is salt, in words, and how good that is. @param {Explorer} explorer */
function foundWords({ image, shown, state: { threshold } }) {
  const counts = image.truth && confusion(shown.probability, image.truth, threshold);
  const count = counts ? counts.tp + counts.fp : countAbove(shown.probability, threshold);
  const share = `${(100 * shareOf(count, image.section)).toFixed(1)} % (${plural(count, "pixel")})`;
  return `Salt: ${share}${counts ? `, IoU ${iou(counts).toFixed(2)}` : ""}.`;
}

/** How what the image shows was computed. @param {Explorer} explorer */
const shownConditions = (explorer) => [
  ...networkWords(explorer), ...cutWords(explorer), ...(explorer.shown.tta ? ["flip TTA"] : []),
];

/** @param {Explorer} explorer @returns {Figure} */
export function imageFigure(explorer) {
  const { image, palette, shown, uncertainty, window, state } = explorer, { look, opacity, threshold, overlay } = state;
  const compared = isCompared(explorer);
  /** @type {Region} */
  const region = { top: 0, left: 0, height: image.height, width: image.width };
  const classes = maskClasses(shown.probability, threshold, compared ? image.truth : null);
  const colors = [[], palette.salt, palette.salt, palette.salt];
  /** @type {Raster[]} */
  const rasters = [greyRaster(explorer)];
  /** @type {ColorBar | null} */
  let bar = null;
  let what = "";
  if (overlay) {
    rasters.push(canvasRaster(overlay.canvas, overlay, opacity, overlay.smooth));
    const { scale } = overlay;
    if (scale) bar = colorBar(scale.colors, [scale.low, scale.high], scale.quantity);
    what = `Over the image: ${overlay.label}; the line is the edge of the mask. `;
  } else if (look === "heat") {
    rasters.push({ ...valueRaster(shown.probability, image, palette, 1, false, region), opacity });
    bar = unsignedBar(palette, "1", "probability of salt");
    what = "Colours: probability of salt; the line is the edge of the mask. ";
  } else if (look === "uncertainty" && uncertainty) {
    const limit = SPREADS.find((most) => most >= largestOf(uncertainty.spread)) ?? 1;
    rasters.push({ ...valueRaster(uncertainty.spread, uncertainty, palette, limit, false, window), opacity });
    bar = unsignedBar(palette, String(limit), "spread of the probability");
    what = "Colours: standard deviation of the probability under flips and small shifts; the line is the edge of the mask. ";
  } else if (look === "fill") rasters.push(classRaster(classes, compared ? CLASS_COLORS : colors, region, opacity));
  const isOutlined = look !== "fill" || overlay !== null;
  /** @type {Outline[]} */
  const outlines = !isOutlined ? [] : [
    { path: outlinePath(classes, 1, region), color: palette.salt },
    ...(compared ? [{ path: outlinePath(classes, 2, region), color: CLASS_COLORS[FALSE_NEGATIVE] }] : []),
  ];
  const { pixel, box } = state;
  const asked = box ? [{ top: box[0], left: box[1], height: box[2], width: box[3], label: "", dashed: false }] : [];
  return {
    title: `Salt in ${image.name}`, columns: 1,
    pictures: [{
      title: "", region, rasters, outlines, bar, pixel: box ? null : pixel,
      frames: [...state.frames, ...(overlay?.frames ?? []), ...asked],
    }],
    legend: legendOf(explorer, compared, isOutlined),
    caption: captionOf(explorer, `${what}${foundWords(explorer)}`, { conditions: shownConditions(explorer) }),
  };
}

/** @param {Explorer} explorer @param {boolean} compared @param {boolean} isOutlined */
function legendOf({ palette, shown, image, state: { threshold } }, compared, isOutlined) {
  if (!compared || !image.truth) return [{ color: css(palette.salt), label: `what the network calls salt${isOutlined ? " (edge)" : ""}` }];
  const counts = confusion(shown.probability, image.truth, threshold);
  if (isOutlined) {
    return [{ color: css(palette.salt), label: "edge of what was found" },
      { color: css(CLASS_COLORS[FALSE_NEGATIVE]), label: "edge of the truth" }];
  }
  return [
    { color: css(CLASS_COLORS[TRUE_POSITIVE]), label: `found (TP) ${counts.tp}` },
    { color: css(CLASS_COLORS[FALSE_POSITIVE]), label: `too much (FP) ${counts.fp}` },
    { color: css(CLASS_COLORS[FALSE_NEGATIVE]), label: `missed (FN) ${counts.fn}` },
  ];
}

/** @param {Explorer} explorer @returns {Figure} */
export function curvesFigure(explorer) {
  const { image, shown, state: { threshold } } = explorer;
  const found = thresholdCurves(shown.probability, image.truth, image.section);
  const { thresholds, area, iou: overlap, score, best } = found;
  const scored = overlap !== null && score !== null;
  const blue = "rgb(0 114 178)", vermilion = "rgb(213 94 0)";
  const curves = scored
    ? [{ values: overlap, color: blue, label: "IoU" }, { values: score, color: vermilion, label: "mAP", dashed: true }]
    : [{ values: area, color: blue, label: "salt area" }];
  const top = scored ? 1 : [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find((share) => share >= area[0]) ?? 1;
  const lines = `The line is the threshold, ${threshold.toFixed(2)}; the dashed one is the card's, ${image.chosen.toFixed(2)}.`;
  const hindsight = best === null ? "" : ` The highest IoU of this image is at ${best.toFixed(2)}, in hindsight.`;
  return {
    title: `${scored ? "IoU and mAP" : "Salt area"} against the threshold`, pictures: [], columns: 1,
    plots: [{
      x: thresholds, curves, ticks: evenTicks(0, 1), across: "threshold", down: scored ? "IoU, mAP" : "share of the section that is salt", top,
      marks: [{ at: image.chosen, dashed: true }, { at: threshold, dashed: false }],
    }],
    legend: curves.map(({ color, label }) => ({ color, label })),
    caption: captionOf(explorer, `${scored ? "IoU and mAP of the mask" : "How much of the section is salt"} against the threshold. ${lines}${hindsight}`,
      { threshold: false, conditions: shownConditions(explorer) }),
  };
}
