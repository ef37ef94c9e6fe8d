// What the colours on the image mean, in its corner: the mask, or the scale of a map.

import { isCompared } from "./painting.js";

/** @import { Explorer } from "../types.js" */
/** @import { ImageElements } from "./elements.js" */
/** @import { Painting } from "./painting.js" */

/** @param {ImageElements} elements @param {Explorer} explorer @param {Painting} painting */
export function imageChip({ chip, meaning, scale, limit, quantity }, explorer, painting) {
  return function show() {
    const { state: { look, overlay }, uncertainty } = explorer;
    const isUncertainty = look === "uncertainty";
    meaning.hidden = isCompared(explorer); // the legend below the image has these colours then
    meaning.classList.toggle("outlined", look !== "fill" || Boolean(overlay));
    scale.hidden = Boolean(overlay) || !(isUncertainty || look === "heat");
    scale.classList.toggle("waiting", isUncertainty && !uncertainty);
    limit.textContent = String(painting.limit);
    if (!isUncertainty) quantity.textContent = "probability of salt";
    else quantity.textContent = uncertainty ? "spread of the probability" : "The spread of the probability is computed …";
    chip.hidden = meaning.hidden && scale.hidden;
  };
}
