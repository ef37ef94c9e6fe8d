// The image as its edits leave it: the grey that the network sees in the opened window, and the ground truth moved along.

import { crop, isWhole } from "../lib/region.js";
import { drawStroke } from "./strokes.js";
import { moveValues } from "./motion.js";
import { editsText, parseEdits } from "./edits.js";
import { sectionOf } from "../lib/statistics.js";

/** @import { OpenImage, Region, SentImage, Size } from "../types.js" */
/** @import { Operation } from "./edits.js" */
/** @typedef {{ grey: Uint8Array, truth: Uint8Array | null, margin: Uint8Array | null }} Layers of the whole image */

const WHITE = 255;
const MID_GREY = 128; // of a dead trace: zero amplitude, where black and white lie at equal amplitudes
// Of flat grey: an image of one single grey would be a margin everywhere, no section.  The mean is that of the
// network's input, so it sees values near 0.
const FLAT_GREYS = [119, 120];

/**
 * One operation; arrays that it does not change are handed on.
 * @param {Layers} layers
 * @param {Size} size
 * @param {Operation} operation
 * @returns {Layers}
 */
function applyOperation({ grey, truth, margin }, size, operation) {
  const { height, width } = size;
  if (operation.kind === "shift" || operation.kind === "flip") {
    const move = (/** @type {Uint8Array | null} */ values) => values && moveValues(values, size, [operation]);
    return { grey: moveValues(grey, size, [operation]), truth: move(truth), margin: move(margin) };
  }
  if (operation.kind === "flat") {
    const flat = grey.map((_, i) => FLAT_GREYS[(Math.floor(i / width) + (i % width)) % 2]);
    return { grey: flat, truth: null, margin: margin && margin.map(() => 0) };
  }
  const changed = grey.slice();
  if (operation.kind === "impulse") changed[operation.row * width + operation.column] = WHITE;
  else if (operation.kind === "dead") {
    const { column, width: traces } = operation;
    for (let row = 0; row < height; row++) changed.fill(MID_GREY, row * width + column, row * width + column + traces);
  } else drawStroke(changed, size, operation);
  return { grey: changed, truth, margin };
}

/** What remembers the image after all operations but the last: while a hand moves, only that one changes. */
function layersOf() {
  let known = "";
  /** @type {OpenImage | null} */
  let of = null;
  /** @type {Layers | null} */
  let before = null;
  /** @param {OpenImage} image @param {Operation[]} operations @returns {Layers} */
  return (image, operations) => {
    const first = operations.slice(0, -1), text = editsText(first);
    if (of !== image || known !== text || !before) {
      /** @type {Layers} */
      const whole = image;
      before = first.reduce((found, operation) => applyOperation(found, image, operation), whole);
      known = text;
      of = image;
    }
    return operations.slice(-1).reduce((found, operation) => applyOperation(found, image, operation), before);
  };
}

/**
 * An image with a part of another of its size; null where either is.
 * @param {Uint8Array | null} values
 * @param {Uint8Array | null} changed
 * @param {Size} image
 * @param {Region} part
 */
function withPart(values, changed, image, part) {
  if (isWhole(image, part) || !changed || !values) return changed;
  const all = values.slice();
  for (let row = part.top; row < part.top + part.height; row++) {
    const start = row * image.width + part.left;
    all.set(changed.subarray(start, start + part.width), start);
  }
  return all;
}

/** @param {Uint8Array} bytes */
function toBase64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

/**
 * Outside the opened window the image stays as it is, and so does its mask: only the window is predicted anew.
 * @returns {(original: OpenImage, edits: string, window: Region) => { image: OpenImage, input: string }}  image: what is
 *   drawn; input: the window's grey in Base64, empty where no pixel of it changed
 */
export function changedInput() {
  const layers = layersOf();
  return (original, edits, window) => {
    const { operations } = parseEdits(edits, original);
    if (!operations.length) return { image: original, input: "" };
    const changed = layers(original, operations);
    const part = crop(changed.grey, original, window), before = crop(original.grey, original, window);
    if (part.every((value, i) => value === before[i])) return { image: original, input: "" };
    const grey = /** @type {Uint8Array} */ (withPart(original.grey, changed.grey, original, window));
    const margin = withPart(original.margin, changed.margin, original, window);
    const image = {
      ...original, grey, margin, truth: withPart(original.truth, changed.truth, original, window),
      section: sectionOf(margin, grey.length),
    };
    return { image, input: toBase64(part) };
  };
}

/** Whether two images are the same, whatever network looks at them. @param {SentImage} one @param {SentImage} other */
export const isSameGrey = (one, other) =>
  one.height === other.height && one.width === other.width && one.grey.every((value, i) => value === other.grey[i]);
