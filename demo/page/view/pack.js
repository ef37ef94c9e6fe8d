// Reads what demo/page/pack.py writes.

import { unpack } from "../../viewer/lib/pack.js";

/**
 * An array of a pack: `size` and `predictor` where it is written as residuals.
 * @typedef {{ array: string, offset: number, length: number, size?: [number, number], predictor?: string }} CompactArray
 */

const TWELVE_BITS = 4095;

/** @param {string} text seven bits a character */
export function bytesOfText(text) {
  const bytes = new Uint8Array(Math.floor((text.length * 7) / 8));
  let held = 0, count = 0, end = 0; // bits that wait for the rest of their byte
  for (let i = 0; i < text.length; i++) {
    held = (held << 7) | (text.charCodeAt(i) & 127);
    count += 7;
    if (count < 8) continue;
    count -= 8;
    bytes[end++] = held >> count;
    held &= (1 << count) - 1;
  }
  return bytes;
}

/** @param {Uint8Array<ArrayBuffer>} packed */
export const unpackCompact = (packed) => unpack(packed, readCompact);

/** @param {CompactArray} entry @param {ArrayBuffer} buffer @param {number} at */
function readCompact(entry, buffer, at) {
  const { array, length } = entry;
  if (array === "f4") return joinPlanes(new Uint8Array(buffer, at, 4 * length), length);
  if (array === "u1") return addPredicted(new Uint8Array(buffer, at, length), entry);
  const planes = addPredicted(new Uint8Array(buffer, at, 2 * length), entry);
  return Float32Array.from({ length }, (_, i) => (256 * planes[i] + planes[length + i]) / TWELVE_BITS);
}

/** @param {Uint8Array} planes first all first bytes of the numbers @param {number} length */
function joinPlanes(planes, length) {
  const bytes = new Uint8Array(4 * length);
  for (let plane = 0, j = 0; plane < 4; plane++) {
    for (let i = plane; i < bytes.length; i += 4) bytes[i] = planes[j++];
  }
  return new Float32Array(bytes.buffer);
}

/** Residuals become values, in place. @param {Uint8Array} values @param {CompactArray} entry */
function addPredicted(values, { size: [height, width] = [0, 0], predictor }) {
  if (!predictor) return values;
  for (let first = 0; first < values.length; first += height * width) {
    for (let row = 0, i = first; row < height; row++) {
      for (let column = 0; column < width; column++, i++) {
        const left = column ? values[i - 1] : 0, upper = row ? values[i - width] : 0;
        let predicted = left + upper - (column && row ? values[i - width - 1] : 0);
        if (predictor === "median") {
          predicted = Math.max(Math.min(left, upper), Math.min(Math.max(left, upper), predicted));
        }
        values[i] += predicted;
      }
    }
  }
  return values;
}
