// What a stroke of the brush covers, and what it leaves there.

import { clamp } from "../lib/region.js";

/** @import { Region, Size } from "../types.js" */
/** @import { Stroke } from "./edits.js" */

const AROUND = 10; // pixels to every side whose mean erasing leaves: more than the period of most reflections
const BYTES_SPREAD = Math.sqrt((4 * (256 ** 2 - 1)) / 12); // the standard deviation of the sum of four random bytes

/**
 * The pixels whose middle is nearer to the path than half of the brush, or as near.
 * @param {Stroke} stroke
 * @param {Size} image
 * @returns {{ region: Region, covered: Uint8Array }} 1 where a pixel of that part of the image is covered
 */
function strokeCover({ size, path }, { height, width }) {
  const radius = size / 2, reach = Math.floor(radius);
  const bound = (/** @type {number[]} */ places, /** @type {number} */ length) =>
    [Math.max(0, Math.min(...places) - reach), Math.min(length - 1, Math.max(...places) + reach)];
  const [top, bottom] = bound(path.map(([row]) => row), height);
  const [left, right] = bound(path.map(([, column]) => column), width);
  const region = { top, left, height: bottom - top + 1, width: right - left + 1 };
  const covered = new Uint8Array(region.height * region.width);
  path.forEach(([row, column], i) => {
    const [fromRow, fromColumn] = path[Math.max(0, i - 1)];
    const down = row - fromRow, across = column - fromColumn, length = down * down + across * across;
    const lowest = Math.min(bottom, Math.max(row, fromRow) + reach);
    const furthest = Math.min(right, Math.max(column, fromColumn) + reach);
    for (let y = Math.max(top, Math.min(row, fromRow) - reach); y <= lowest; y++) {
      for (let x = Math.max(left, Math.min(column, fromColumn) - reach); x <= furthest; x++) {
        const along = length && clamp(((y - fromRow) * down + (x - fromColumn) * across) / length, 0, 1);
        const distance = (fromRow + along * down - y) ** 2 + (fromColumn + along * across - x) ** 2;
        if (distance <= radius * radius) covered[(y - top) * region.width + x - left] = 1;
      }
    }
  });
  return { region, covered };
}

/**
 * Draws a stroke into an image.
 * @param {Uint8Array} grey is changed
 * @param {Size} image
 * @param {Stroke} stroke
 */
export function drawStroke(grey, image, stroke) {
  const { region, covered } = strokeCover(stroke, image);
  const mean = stroke.kind === "erase" ? localMean(grey, image, region) : null;
  for (let row = 0, i = 0; row < region.height; row++) {
    let pixel = (region.top + row) * image.width + region.left;
    for (let column = 0; column < region.width; column++, i++, pixel++) {
      if (!covered[i]) continue;
      if (stroke.kind === "paint") grey[pixel] = stroke.grey;
      else if (mean) grey[pixel] = mean[i];
      else if (stroke.kind === "noise") {
        grey[pixel] = clamp(Math.round(grey[pixel] + stroke.spread * randomNormal(stroke.seed, pixel)), 0, 255);
      }
    }
  }
}

/**
 * The mean grey around every pixel of a region, of what the image has there: `AROUND` pixels to every side.
 * @param {Uint8Array} grey
 * @param {Size} image
 * @param {Region} region
 */
function localMean(grey, image, region) {
  const top = Math.max(0, region.top - AROUND), left = Math.max(0, region.left - AROUND);
  const height = Math.min(image.height, region.top + region.height + AROUND) - top;
  const width = Math.min(image.width, region.left + region.width + AROUND) - left;
  // The sum of all pixels above and left of a corner (Crow 1984, summed-area tables).
  const sums = new Float64Array((height + 1) * (width + 1));
  for (let row = 0; row < height; row++) {
    let sum = 0;
    for (let column = 0; column < width; column++) {
      sum += grey[(top + row) * image.width + left + column];
      sums[(row + 1) * (width + 1) + column + 1] = sums[row * (width + 1) + column + 1] + sum;
    }
  }
  const mean = new Uint8Array(region.height * region.width);
  for (let row = 0, i = 0; row < region.height; row++) {
    const first = Math.max(0, region.top + row - AROUND - top);
    const end = Math.min(height, region.top + row + AROUND + 1 - top);
    for (let column = 0; column < region.width; column++, i++) {
      const start = Math.max(0, region.left + column - AROUND - left);
      const stop = Math.min(width, region.left + column + AROUND + 1 - left);
      const sum = sums[end * (width + 1) + stop] - sums[first * (width + 1) + stop]
        - sums[end * (width + 1) + start] + sums[first * (width + 1) + start];
      mean[i] = Math.round(sum / ((end - first) * (stop - start)));
    }
  }
  return mean;
}

/**
 * Nearly normal, with mean 0 and variance 1, the same in every browser: the sum of the four bytes of a hash
 * (Appleby's finaliser of MurmurHash3), in whole numbers.
 * @param {number} seed
 * @param {number} pixel
 */
function randomNormal(seed, pixel) {
  let hash = (Math.imul(pixel + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca77)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash ^= hash >>> 16;
  const sum = (hash & 255) + ((hash >>> 8) & 255) + ((hash >>> 16) & 255) + (hash >>> 24);
  return (sum - 510) / BYTES_SPREAD;
}
