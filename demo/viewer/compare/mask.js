// A small image with one network's salt, its name and how much that is.

import { h } from "../lib/dom.js";
import { paintMask } from "../lib/tint.js";

/** @import { Palette, SentImage } from "../types.js" */
/** @import { Prediction } from "../lib/comparison.js" */

const LARGE = 200; // pixels of an image's width from which on it is drawn smaller than it is

/** @param {string} testid */
export function maskFigure(testid) {
  const canvas = h("canvas", { role: "img" });
  const title = h("strong"), figures = h("span");
  return {
    figure: h("figure", { class: "compare-mask", "data-testid": testid }, canvas, h("figcaption", {}, title, figures)),
    /**
     * @param {SentImage} image
     * @param {Prediction} prediction
     * @param {Palette} palette
     * @param {string} name of the network
     * @param {number} area share of the section that is salt
     */
    show(image, prediction, palette, name, area) {
      canvas.style.setProperty("--ratio", String(image.width / image.height));
      canvas.classList.toggle("pixelated", image.width < LARGE);
      paintMask(canvas, image, prediction, palette);
      title.textContent = name;
      figures.textContent = `salt ${(100 * area).toFixed(1)} % at ${prediction.threshold.toFixed(2)}`;
      canvas.setAttribute("aria-label", `${name}, ${figures.textContent}`);
    },
  };
}
