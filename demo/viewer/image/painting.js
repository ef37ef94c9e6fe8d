// The image with its salt, a device pixel a pixel; the canvas then shows a part of it, enlarged.

import { context2d } from "../lib/dom.js";
import { largestOf } from "../lib/statistics.js";

/** @import { Explorer, Region } from "../types.js" */
/** @typedef {ReturnType<typeof imagePainting>} Painting */

// What a pixel is: bit 0, the network calls it salt; bit 1, it is salt.
export const FALSE_POSITIVE = 1, FALSE_NEGATIVE = 2, TRUE_POSITIVE = 3;

// Okabe and Ito's colours, which colour-blind people can tell apart: only the network, only the ground truth, both.
export const CLASS_COLORS = [[], [230, 159, 0], [86, 180, 233], [0, 158, 115]];

// Where the colours of a spread may end: of a value from 0 to 1 the standard deviation is at most 0.5.
export const SPREADS = [0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5];

/** Whether mask and ground truth are compared. @param {Explorer} explorer */
export const isCompared = ({ state, image }) => state.truth && image.truth !== null;

/** @param {Explorer} explorer */
export function imagePainting(explorer) {
  const table = new Uint8ClampedArray(4 * 4 * 256); // the colour of every grey, for each of the four classes
  const shades = new Uint32Array(table.buffer);
  let bitmap = new ImageData(1, 1);
  let colors = new Uint32Array(1); // the same bytes as whole pixels

  /**
   * Every grey with so much of a colour.
   * @param {number} kind
   * @param {ArrayLike<number>} color
   * @param {number} alpha
   */
  function mixShades(kind, color, alpha) {
    for (let grey = 0, j = 1024 * kind; grey < 256; grey++, j += 4) {
      table[j] = grey + alpha * (color[0] - grey);
      table[j + 1] = grey + alpha * (color[1] - grey);
      table[j + 2] = grey + alpha * (color[2] - grey);
      table[j + 3] = 255;
    }
  }

  /** The image alone. */
  function paintGrey() {
    const { grey } = explorer.image;
    for (let i = 0; i < colors.length; i++) colors[i] = shades[grey[i]];
  }

  /**
   * Values from 0 to the limit of a part of the image, as colours over its grey.
   * @param {Float32Array} values
   * @param {Region} region
   * @param {number} limit
   * @param {number} alpha
   */
  function paintScale(values, { top, left, height, width }, limit, alpha) {
    const { palette: { sequential }, image: { grey, width: step } } = explorer, bytes = bitmap.data;
    const factor = 255 / limit;
    for (let row = 0, i = 0; row < height; row++) {
      let pixel = (top + row) * step + left;
      for (const end = pixel + width; pixel < end; pixel++, i++) {
        const j = 4 * pixel, k = 3 * Math.round(factor * values[i]), value = grey[pixel];
        bytes[j] = value + alpha * (sequential[k] - value);
        bytes[j + 1] = value + alpha * (sequential[k + 1] - value);
        bytes[j + 2] = value + alpha * (sequential[k + 2] - value);
      }
    }
  }

  const painting = {
    plain: new OffscreenCanvas(1, 1), // the image
    painted: new OffscreenCanvas(1, 1), // the image with its salt
    tinted: false, // whether they differ
    limit: 1, // the value of the last colour, where colours are a scale
    classes: new Uint8Array(1),

    /** A new image. */
    open() {
      const { width, height } = explorer.image;
      painting.plain = new OffscreenCanvas(width, height);
      painting.painted = new OffscreenCanvas(width, height);
      painting.classes = new Uint8Array(width * height);
      bitmap = new ImageData(width, height);
      colors = new Uint32Array(bitmap.data.buffer);
      mixShades(0, [0, 0, 0], 0);
    },

    /** The image without its salt. */
    paintPlain() {
      paintGrey();
      context2d(painting.plain).putImageData(bitmap, 0, 0);
    },

    paint() {
      const { look, opacity, threshold, overlay } = explorer.state;
      const { shown: { probability }, palette, image, uncertainty, window } = explorer, { grey, truth } = image;
      const { classes } = painting;
      const limit = Math.fround(threshold);
      const compared = isCompared(explorer);
      for (let i = 0; i < classes.length; i++) {
        classes[i] = (probability[i] > limit ? 1 : 0) | (compared && truth && truth[i] ? 2 : 0);
      }
      // Under a map the salt is an outline: two tints over each other would be a third that means nothing.
      painting.tinted = look !== "contour" && !overlay && opacity > 0;
      const highest = uncertainty ? largestOf(uncertainty.spread) : 0;
      painting.limit = look === "uncertainty" ? SPREADS.find((limit) => limit >= highest) ?? 1 : 1;
      if (!painting.tinted) return;
      if (look === "heat") paintScale(probability, { ...image, top: 0, left: 0 }, painting.limit, opacity);
      else if (look === "uncertainty") {
        paintGrey();
        if (uncertainty) paintScale(uncertainty.spread, window, painting.limit, opacity);
      } else {
        for (let kind = 1; kind < 4; kind++) mixShades(kind, compared ? CLASS_COLORS[kind] : palette.salt, opacity);
        for (let i = 0; i < classes.length; i++) colors[i] = shades[(classes[i] << 8) | grey[i]];
      }
      context2d(painting.painted).putImageData(bitmap, 0, 0);
    },
  };
  return painting;
}
