// A similarity as colours: over the open image, and over another one.

import { cached } from "../lib/cache.js";
import { cellPixels } from "../lib/region.js";
import { context2d, h } from "../lib/dom.js";
import { colorScale, paintPixels } from "../lib/color.js";

/** @import { Palette, Size } from "../types.js" */
/** @import { SeenImage } from "./seen.js" */
/** @typedef {ReturnType<typeof import("../lib/region.js").siteGrid>} Grid */

const OPACITY = 0.6; // of the similarity over another image
const LEAST_SIDE = 400; // of that picture, so that what is marked has thin lines

/**
 * A pixel has the colour of its position; where there is no similarity it is transparent.
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} similarity
 * @param {Size} window
 * @param {Grid} grid
 * @param {Palette} palette
 * @param {boolean} signed
 */
export function paintSimilarity(canvas, similarity, window, { stride, down, right, width: columns }, palette, signed) {
  const color = colorScale(palette, 1, signed);
  const colors = Uint32Array.from(similarity, (value) => (Number.isNaN(value) ? 0 : color(value)));
  paintPixels(canvas, window, (pixels) => {
    for (let row = 0, i = 0; row < window.height; row++) {
      const from = Math.floor((row + down) / stride) * columns;
      for (let column = 0; column < window.width; column++, i++) {
        pixels[i] = colors[from + Math.floor((column + right) / stride)];
      }
    }
  });
}

/** The image of a part whose maps are kept. */
const greyCanvas = cached((/** @type {SeenImage} */ { grey, window }) => {
  const canvas = h("canvas");
  paintPixels(canvas, window, (pixels) => {
    for (let i = 0; i < pixels.length; i++) pixels[i] = 0xff000000 | (grey[i] * 0x010101);
  });
  return canvas;
});

/**
 * Another image with its similarity, and a frame around one position.
 * @param {HTMLCanvasElement} canvas
 * @param {SeenImage} image
 * @param {Float32Array} similarity
 * @param {Grid} grid
 * @param {number} marked the position; -1 for none
 * @param {Palette} palette
 * @param {boolean} signed
 */
export function paintOther(canvas, image, similarity, grid, marked, palette, signed) {
  const { window } = image, colors = h("canvas");
  paintSimilarity(colors, similarity, window, grid, palette, signed);
  const scale = Math.ceil(LEAST_SIDE / Math.max(window.height, window.width));
  canvas.width = scale * window.width;
  canvas.height = scale * window.height;
  const context = context2d(canvas);
  context.imageSmoothingEnabled = false;
  context.drawImage(greyCanvas(image), 0, 0, canvas.width, canvas.height);
  context.globalAlpha = OPACITY;
  context.drawImage(colors, 0, 0, canvas.width, canvas.height);
  context.globalAlpha = 1;
  if (marked < 0) return;
  const { top, left, height, width } = cellPixels(window, grid, marked);
  for (const [color, line] of /** @type {[string, number][]} */ ([["black", 8], ["white", 4]])) {
    context.strokeStyle = color;
    context.lineWidth = line;
    context.strokeRect(scale * left - 4, scale * top - 4, scale * width + 8, scale * height + 8);
  }
}
