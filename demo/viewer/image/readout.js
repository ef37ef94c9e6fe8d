// What was found, in words: at the threshold, at a pixel, and of which network.

import { averagePrecision, confusion, countAbove, iou, shareOf } from "../lib/statistics.js";
import { contains } from "../lib/region.js";
import { mapsTrouble } from "../network_values.js";
import { weightsWords } from "../lib/answer.js";
import { editsWords, parseEdits } from "../touch/edits.js";
import { CLASS_COLORS, FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_POSITIVE, isCompared } from "./painting.js";
import { h } from "../lib/dom.js";
import { MAP_OF_IMAGE, plural, wholeNumber } from "../lib/format.js";

/** @import { Explorer } from "../types.js" */
/** @import { Confusion } from "../lib/statistics.js" */
/** @import { ImageElements } from "./elements.js" */

/** Salt at the threshold. @param {ImageElements} elements @param {Explorer} explorer @returns {Confusion | null} */
export function showFound({ readout, scores, canvas, threshold: slider }, { state, shown, image, input }) {
  const { threshold } = state;
  const counts = image.truth && confusion(shown.probability, image.truth, threshold);
  const count = counts ? counts.tp + counts.fp : countAbove(shown.probability, threshold);
  const share = 100 * shareOf(count, image.section);
  const margin = image.margin ? " without the margin" : "";
  const start = `threshold ${threshold.toFixed(2)} · salt ${share.toFixed(1)} %${margin}`;
  const way = shown.tta ? " · flip TTA" : "";
  readout.textContent = count
    ? `${start} · ${plural(count, "pixel")}${way}`
    : `${start} · nothing passes the threshold; highest probability ${shown.highest.toFixed(2)}${way}`;
  scores.hidden = !counts;
  if (counts) {
    const score = averagePrecision(counts).toFixed(2);
    scores.textContent = `IoU ${iou(counts).toFixed(2)} · mAP ${score}${input ? " · of the changed input" : ""}`;
    scores.title = MAP_OF_IMAGE;
  }
  const spoken = counts ? `${readout.textContent} · ${scores.textContent}` : readout.textContent;
  canvas.setAttribute("aria-label", `${image.name}, ${image.height} rows by ${image.width} columns; ${spoken}`);
  slider.setAttribute("aria-valuetext", spoken);
  return counts;
}

/**
 * Whether the network is cut, of an epoch or untrained, and what is computed without what was chosen.
 * @param {ImageElements} elements
 * @param {Explorer} explorer
 * @param {boolean} isPart
 */
export function showNetwork({ altered }, explorer, isPart) {
  const { state: { cuts, tta, look }, shown, input, predictedError, cutsError } = explorer;
  const weights = weightsWords(explorer);
  const ways = [], sentences = [];
  if (weights) ways.push(weights);
  if (cuts.length) ways.push(`without ${cuts.join(", ")}`);
  if (ways.length) {
    const where = isPart ? ", inside the window" : "", without = tta ? "; it is computed without flip TTA" : "";
    const trouble = cuts.length ? cutsError : predictedError, words = `the network ${ways.join(" and ")}`;
    if (shown.altered) sentences.push(`Shown is ${words}${where}${without}.`);
    else if (trouble) sentences.push(`Not shown is ${words}: ${trouble}.`);
    else sentences.push(`The network ${ways.join(" and ")} is computed …`);
    const missing = mapsTrouble(explorer);
    if (missing) sentences.push(explorer.maps ? `The maps are those of the network uncut: ${missing}.` : `There are no maps: ${missing}.`);
  } else if (input) {
    if (predictedError) sentences.push(`Shown is the original's mask: ${predictedError}.`);
    else if (!shown.altered) sentences.push("The mask of the changed input is computed …");
    else if (tta) sentences.push("The mask of the changed input is computed without flip TTA.");
  } else if (tta && !shown.tta) sentences.push("Flip TTA is computed …");
  if (look === "uncertainty" && cuts.length) sentences.push("The uncertainty is that of the network without cuts.");
  altered.hidden = !sentences.length;
  altered.textContent = sentences.join(" ");
}

/**
 * What was done to the input, and the way back.
 * @param {ImageElements} elements
 * @param {Explorer} explorer
 * @param {boolean} isPart
 */
export function showChanges({ changed, original: back }, { state: { edits }, original, unread }, isPart) {
  changed.hidden = !edits && !unread;
  back.hidden = !edits;
  if (changed.hidden || !changed.firstElementChild) return;
  const where = isPart ? ", inside the window" : "", words = editsWords(parseEdits(edits, original).operations);
  changed.firstElementChild.textContent = [
    edits && `The input is changed${where}: ${words}.`,
    unread > 0 && `Left out: ${plural(unread, "change")} of a link that cannot be read or do not fit this image.`,
  ].filter(Boolean).join(" ");
}

/** What was taken back, and what the last gesture found. @param {ImageElements} elements @param {Explorer} explorer */
export function showAnswer({ answer }, { state }) {
  answer.textContent = [state.undone, state.answer].filter(Boolean).join(" ");
}

/**
 * How often pixels with such a probability were salt; nothing where nobody counted for what is shown.
 * @param {Explorer} explorer
 * @param {number} probability
 */
function calibrationWords({ network: { calibration }, shown }, probability) {
  if (shown.altered) return "";
  const bins = shown.tta ? calibration.tta : calibration.plain;
  const bin = bins.find(({ low, high }) => probability >= low && (probability < high || high === 1));
  if (!bin?.pixels) return "";
  const [low, high] = [bin.low, bin.high].map((end) => Number(end.toFixed(2)));
  return ` · of validation pixels given ${low} to ${high}, ${(100 * bin.share).toFixed(0)} % were salt`;
}

/** The pixel under the mouse, or else the chosen one. @param {ImageElements} elements @param {Explorer} explorer */
export function showCursor({ cursor }, explorer) {
  const { state, shown, image, window, uncertainty } = explorer;
  const place = state.hover ?? state.pixel;
  if (!place) {
    cursor.textContent = matchMedia("(hover: none)").matches
      ? "Tap a pixel, or drag a box sideways, to ask why."
      : "Point at a pixel for its value; click it, or drag a box, to ask why.";
    return;
  }
  const [row, column] = place, i = row * image.width + column;
  const truth = image.truth ? ` · truth: ${image.truth[i] ? "salt" : "no salt"}` : "";
  const probability = shown.probability[i], known = calibrationWords(explorer, probability);
  const at = (row - window.top) * window.width + column - window.left;
  const spread = uncertainty && contains(window, place) ? `, spread ${uncertainty.spread[at].toFixed(3)}` : "";
  const over = state.overlay?.read?.(place);
  cursor.textContent = `row ${row}, column ${column}: ${over ? `${over} · ` : ""}probability ${probability.toFixed(2)}${spread}`
    + ` · grey ${image.grey[i]}${truth}${known}`;
}

/**
 * What the colours of right and wrong mean, and how many pixels have them.
 * @param {HTMLElement} list
 * @param {Explorer} explorer
 */
export function comparisonLegend(list, explorer) {
  /** @param {number} kind @param {string} words @param {string} look */
  function entry(kind, words, look) {
    const number = h("b");
    const swatch = h("span", { class: `swatch ${look}`, style: `--color: rgb(${CLASS_COLORS[kind]})` });
    const item = h("li", {}, swatch, h("span", {}, words), " ", number);
    list.append(item);
    return { item, number };
  }

  const counted = {
    tp: entry(TRUE_POSITIVE, "found (TP)", "plain").number,
    fp: entry(FALSE_POSITIVE, "too much (FP)", "rising").number,
    fn: entry(FALSE_NEGATIVE, "missed (FN)", "falling").number,
  };
  const edges = [
    entry(FALSE_POSITIVE, "edge of what was found", "edge").item, entry(FALSE_NEGATIVE, "edge of the truth", "edge").item,
  ];

  /** @param {Confusion | null} counts */
  return function show(counts) {
    const untinted = explorer.state.look !== "fill" || Boolean(explorer.state.overlay);
    list.hidden = !isCompared(explorer);
    if (list.hidden || !counts) return;
    for (const kind of /** @type {const} */ (["tp", "fp", "fn"])) counted[kind].textContent = wholeNumber(counts[kind]);
    for (const item of edges) item.hidden = !untinted;
    list.classList.toggle("untinted", untinted);
  };
}
