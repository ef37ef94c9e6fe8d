// Small images with their salt in colour.

import { cached } from "./cache.js";
import { paintPixels } from "./color.js";

/** @import { Palette, Size } from "../types.js" */

const TINT = 0.6; // how much of the salt is colour: more than in the image, because a thumbnail is small

/**
 * The packed colour of every grey, plain and as salt: two colours for every grey are looked up, not mixed anew.
 */
export const saltShades = cached((/** @type {Palette} */ { salt }) => {
  const bytes = new Uint8ClampedArray(2 * 256 * 4);
  for (let grey = 0; grey < 256; grey++) {
    bytes.set([grey, grey, grey, 255], 4 * grey);
    bytes.set([...salt.map((value) => grey + TINT * (value - grey)), 255], 4 * (256 + grey));
  }
  const colors = new Uint32Array(bytes.buffer);
  return { plain: colors.subarray(0, 256), tinted: colors.subarray(256) };
});

/**
 * An image with what lies above a threshold tinted, a pixel a pixel.
 * @param {HTMLCanvasElement} canvas
 * @param {Size & { grey: Uint8Array }} image
 * @param {{ probability: Float32Array, threshold: number }} prediction
 * @param {Palette} palette
 */
export function paintMask(canvas, image, { probability, threshold }, palette) {
  const { plain, tinted } = saltShades(palette), { grey } = image, limit = Math.fround(threshold);
  paintPixels(canvas, image, (pixels) => {
    for (let i = 0; i < pixels.length; i++) pixels[i] = (probability[i] > limit ? tinted : plain)[grey[i]];
  });
}
