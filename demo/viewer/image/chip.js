// What the colours on the image mean, in its corner: the mask, or the scale of a map.

import { isCompared } from "./painting.js";
import { paletteRamp } from "../lib/color.js";

/** @import { Explorer } from "../types.js" */
/** @import { ImageElements } from "./elements.js" */
/** @import { Painting } from "./painting.js" */

/** @param {ImageElements} elements @param {Explorer} explorer @param {Painting} painting */
export function imageChip({ chip, meaning, scale, ramp, lowest, limit, quantity }, explorer, painting) {
  /** @type {Uint8Array | null} */
  let painted = null; // the colours of the scale

  return function show() {
    const { state: { look, overlay }, uncertainty } = explorer;
    const isUncertainty = look === "uncertainty";
    meaning.hidden = isCompared(explorer); // the legend below the image has these colours then
    meaning.classList.toggle("outlined", look !== "fill" || Boolean(overlay));
    const own = overlay?.scale; // of a map over the image
    scale.hidden = overlay ? !own : !(isUncertainty || look === "heat");
    scale.classList.toggle("waiting", !own && isUncertainty && !uncertainty);
    const colors = own?.colors ?? explorer.palette.sequential;
    if (painted !== colors) paletteRamp(painted = colors, ramp);
    lowest.textContent = own?.low ?? "0";
    limit.textContent = own?.high ?? String(painting.limit);
    if (own) quantity.textContent = own.quantity;
    else if (!isUncertainty) quantity.textContent = "probability of salt";
    else quantity.textContent = uncertainty ? "spread of the probability" : "The spread of the probability is computed …";
    chip.hidden = meaning.hidden && scale.hidden;
  };
}
