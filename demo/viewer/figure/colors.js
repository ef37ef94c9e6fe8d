// Arrays as the rasters of a figure: four bytes a pixel, at their own size.

import { colorScale, mapColors } from "../lib/color.js";
import { siteGrid } from "../lib/region.js";

/** @import { Explorer, Maps, Palette, Region, Site, Size } from "../types.js" */
/** @import { ColorBar, Raster } from "./figure.js" */

/** @param {Uint32Array} packed the way the pixels of a canvas lie in memory */
const bytesOf = (packed) => new Uint8Array(packed.buffer, packed.byteOffset, 4 * packed.length);

/** The image itself, or a part of it. @param {Pick<Explorer, "image">} explorer @param {Region} [region] @returns {Raster} */
export function greyRaster({ image }, region = { ...image, top: 0, left: 0 }) {
  const { top, left, height, width } = region;
  const rgba = new Uint8Array(4 * height * width).fill(255);
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0; column < width; column++, i++) {
      rgba.fill(image.grey[(top + row) * image.width + left + column], 4 * i, 4 * i + 3);
    }
  }
  return { rgba, height, width, region: { top, left, height, width } };
}

/**
 * A colour a class; class 0 is transparent.
 * @param {Uint8Array} classes a class a pixel of the region
 * @param {number[][]} colors
 * @param {Region} region
 * @param {number} opacity
 * @returns {Raster}
 */
export function classRaster(classes, colors, { top, left, height, width }, opacity) {
  const rgba = new Uint8Array(4 * classes.length);
  classes.forEach((kind, i) => { if (kind) rgba.set([...colors[kind], 255], 4 * i); });
  return { rgba, height, width, region: { top, left, height, width }, opacity };
}

/**
 * Values as colours of a palette.
 * @param {ArrayLike<number>} values
 * @param {Size} size how many rows and columns they have
 * @param {Palette} palette
 * @param {number} limit the value of the last colour
 * @param {boolean} signed
 * @param {Region} region what of the image they cover
 * @returns {Raster}
 */
export function valueRaster(values, { height, width }, palette, limit, signed, region) {
  const color = colorScale(palette, limit, signed);
  return { rgba: bytesOf(Uint32Array.from(values, color)), height, width, region };
}

/**
 * One map of a site.
 * @param {Maps} map
 * @param {number} channel
 * @param {Palette} palette
 * @param {boolean} shared one scale for all maps of the site
 * @param {Region} region
 * @returns {Raster}
 */
export function mapRaster(map, channel, palette, shared, region) {
  const { height, width, values } = map, colors = mapColors(map, channel, palette, shared), size = height * width;
  const levels = values.subarray(channel * size, (channel + 1) * size);
  return { rgba: bytesOf(Uint32Array.from(levels, (level) => colors[level])), height, width, region };
}

/**
 * What of the image the cells of a site cover; those at the window's edges may reach beyond it.
 * @param {Explorer} explorer
 * @param {Pick<Site, "stride">} site
 * @returns {Region}
 */
export function siteRegion(explorer, site) {
  const { stride, down, right, height, width } = siteGrid(explorer, site), { top, left } = explorer.window;
  return { top: top - down, left: left - right, height: height * stride, width: width * stride };
}

/**
 * The bar of a scale.
 * @param {Uint8Array} rgb its colours, three bytes each
 * @param {string[]} labels from its one end to the other, evenly spaced
 * @param {string} quantity
 * @returns {ColorBar}
 */
export function colorBar(rgb, labels, quantity) {
  const count = rgb.length / 3, rgba = new Uint8Array(4 * count).fill(255);
  for (let i = 0; i < count; i++) rgba.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
  return { rgba, colors: count, labels, quantity };
}

/** Around 0. @param {Palette} palette @param {string} limit @param {string} quantity */
export const signedBar = (palette, limit, quantity) => colorBar(palette.diverging, [`−${limit}`, "0", limit], quantity);

/** From 0 on. @param {Palette} palette @param {string} limit @param {string} quantity */
export const unsignedBar = (palette, limit, quantity) => colorBar(palette.sequential, ["0", limit], quantity);

/** What lies on a canvas. @param {HTMLCanvasElement} canvas @param {Region} region @returns {Raster} */
export function canvasRaster(canvas, { top, left, height, width }, opacity = 1, smooth = false) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const rgba = new Uint8Array(data.buffer);
  return { rgba, height: canvas.height, width: canvas.width, region: { top, left, height, width }, opacity, smooth };
}

/**
 * The border of a class along the edges between pixels, as the path of a drawing in the image's pixels.
 * @param {Uint8Array} classes
 * @param {number} bit of the classes
 * @param {Region} region
 */
export function outlinePath(classes, bit, { top, left, height, width }) {
  const path = [];
  const differs = (/** @type {number} */ i, /** @type {number} */ j) => (classes[i] ^ classes[j]) & bit;
  for (let row = 1; row < height; row++) {
    for (let column = 0, from = -1; column <= width; column++) {
      const i = row * width + column, edge = column < width && differs(i, i - width);
      if (edge && from < 0) from = column;
      if (!edge && from >= 0) { path.push(`M${left + from} ${top + row}H${left + column}`); from = -1; }
    }
  }
  for (let column = 1; column < width; column++) {
    for (let row = 0, from = -1; row <= height; row++) {
      const i = row * width + column, edge = row < height && differs(i, i - 1);
      if (edge && from < 0) from = row;
      if (!edge && from >= 0) { path.push(`M${left + column} ${top + from}V${top + row}`); from = -1; }
    }
  }
  return path.join("");
}
