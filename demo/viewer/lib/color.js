// Values to colours.  Zero has one colour everywhere: where no value is negative, dark blue is 0 and yellow the largest;
// where any is, blue is negative, white 0 and orange positive.

import { cached } from "./cache.js";
import { context2d, h } from "./dom.js";
import { largestOf } from "./statistics.js";

/** @import { Maps, Palette, Size } from "../types.js" */
/** @typedef {ArrayLike<number>} Values */

/** The colours of a palette as one number each, the way the pixels of a canvas lie in memory. */
const packedPalette = cached((/** @type {Palette} */ palette) => {
  const pack = (/** @type {Uint8Array} */ rgb) => new Uint32Array(opaque(rgb).buffer);
  return { sequential: pack(palette.sequential), diverging: pack(palette.diverging) };
});

/** Red, green, blue of every colour -> the same with the opacity of ImageData. @param {Uint8Array} rgb */
function opaque(rgb) {
  const bytes = new Uint8ClampedArray((rgb.length / 3) * 4).fill(255);
  for (let i = 0; i < rgb.length; i++) bytes[i + Math.floor(i / 3)] = rgb[i];
  return bytes;
}

/**
 * What the maps of a site are scaled by: the largest absolute value of each (limits) and of all (limit).
 * signed: some value of some map is negative, so all of the site's maps are drawn around white.
 */
export const mapScale = cached((/** @type {Maps} */ { low: lows, high }) => {
  const limits = lows.map((low, channel) => Math.max(Math.abs(low), Math.abs(high[channel])));
  return { signed: lows.some((low) => low < 0), limits, limit: largestOf(limits) };
});

/**
 * @param {Palette} palette
 * @param {number} limit the value that gets the last colour
 * @param {boolean} signed
 * @returns {(value: number) => number} packed colours
 */
export function colorScale(palette, limit, signed) {
  const { sequential, diverging } = packedPalette(palette);
  const factor = limit > 0 ? (signed ? 127 : 255) / limit : 0;
  if (signed) return (value) => diverging[127 + Math.max(-127, Math.min(127, Math.round(value * factor)))];
  return (value) => sequential[Math.max(0, Math.min(255, Math.round(value * factor)))];
}

/**
 * The packed colour of each of a map's 256 levels; shared: one scale for all maps of the site instead of its own.
 * @param {Maps} map
 * @param {number} channel
 * @param {Palette} palette
 */
export function mapColors(map, channel, palette, shared = false) {
  const { signed, limits, limit } = mapScale(map);
  const color = colorScale(palette, shared ? limit : limits[channel], signed);
  const low = map.low[channel];
  const step = (map.high[channel] - low) / 255;
  const colors = new Uint32Array(256);
  for (let level = 0; level < 256; level++) colors[level] = color(low + step * level);
  return colors;
}

/**
 * One map of a site onto a canvas of its size.
 * @param {HTMLCanvasElement} canvas
 * @param {Maps} map
 * @param {number} channel
 * @param {Palette} palette
 */
export function paintMap(canvas, map, channel, palette, shared = false) {
  const { height, width, values } = map;
  const colors = mapColors(map, channel, palette, shared);
  const start = channel * height * width;
  paintPixels(canvas, map, (pixels) => {
    for (let i = 0; i < pixels.length; i++) pixels[i] = colors[values[start + i]];
  });
}

/**
 * Any (height * width) values onto a canvas of that size.
 * @param {HTMLCanvasElement} canvas
 * @param {Values} values
 * @param {Size} size
 * @param {Palette} palette
 * @param {number} limit
 * @param {boolean} signed
 */
export function paintValues(canvas, values, size, palette, limit, signed) {
  const color = colorScale(palette, limit, signed);
  paintPixels(canvas, size, (pixels) => { for (let i = 0; i < pixels.length; i++) pixels[i] = color(values[i]); });
}

/**
 * Signed values as an overlay shows them: the nearer to zero, the more of what lies beneath shows through.
 * @param {HTMLCanvasElement} canvas
 * @param {Values} values
 * @param {Size} size
 * @param {Palette} palette
 * @param {number} limit
 */
export function paintTransparent(canvas, values, size, palette, limit) {
  const color = colorScale(palette, limit, true);
  paintPixels(canvas, size, (pixels) => {
    for (let i = 0; i < pixels.length; i++) {
      const alpha = limit > 0 ? Math.round(255 * Math.min(1, (2 * Math.abs(values[i])) / limit)) : 0;
      pixels[i] = (color(values[i]) & 0xffffff) | (alpha << 24);
    }
  });
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Size} size
 * @param {(pixels: Uint32Array) => void} fill gets one number per pixel to set, transparent at first
 */
export function paintPixels(canvas, { height, width }, fill) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const image = new ImageData(width, height);
  fill(new Uint32Array(image.data.buffer));
  context2d(canvas).putImageData(image, 0, 0);
}

/**
 * All colours of a palette side by side, as wide as the style sheet makes them.
 * @param {Uint8Array} palette
 */
export function paletteRamp(palette, canvas = h("canvas", { class: "legend-strip", "aria-hidden": "true" })) {
  canvas.width = palette.length / 3;
  canvas.height = 1;
  context2d(canvas).putImageData(new ImageData(opaque(palette), canvas.width), 0, 0);
  return canvas;
}
