// Where two probabilities differ: a map with its scale, which can be laid over the image.
//
//   const map = differenceMap(explorer, "cut", "probability with the cut minus without");
//   map.show(one, other, explorer.window);  // or map.stepAside(), map.drop()
//   map.describe("Salt no more: 3 pixels");  // what depends on the threshold; the map does not
//   host.append(map.box, map.over);  // the map, and the checkbox that lays it over the image
//
// An update of the panel begins with map.follow().

import { checkbox, h } from "./dom.js";
import { largestOf } from "./statistics.js";
import { overlayOf, overlayScale } from "./overlay.js";
import { paintTransparent, paintValues, paletteRamp } from "./color.js";

/** @import { Explorer, Palette, Region } from "../types.js" */

export const SCALES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

/**
 * @param {Explorer} explorer
 * @param {string} name of the panel: owns the overlay and begins the test ids (NAME-difference, NAME-overlay)
 * @param {string} meaning of the difference, for the label over the image and for screen readers
 */
export function differenceMap(explorer, name, meaning) {
  const canvas = h("canvas", { class: "difference-map", role: "img", "data-testid": `${name}-difference` });
  const transparent = h("canvas"); // the same, to be laid over the image
  const less = h("span"), more = h("span"), legend = h("p", { class: "difference-legend" });
  const words = h("p", { class: "note" });
  const box = h("div", { class: "difference", hidden: true }, canvas, h("div", { class: "difference-words" }, legend, words));
  const over = checkbox(`${name}-overlay`, (checked) => (checked ? lay() : overlay.drop()));
  const overLabel = h("label", { hidden: true }, over, h("span", {}, "Difference over the image"));
  const overlay = overlayOf(explorer, name);
  /** @type {Region | null} */
  let region = null; // that is drawn
  let limit = ""; // the value of its last colour
  /** @type {Palette | null} */
  let palette = null; // the one of the legend

  function drawLegend() {
    if (palette === explorer.palette) return;
    palette = explorer.palette;
    legend.replaceChildren(less, paletteRamp(palette.diverging), more);
  }

  function lay() {
    if (!region) return;
    const scale = overlayScale(explorer.palette, true, limit, "change of the probability");
    overlay.lay({ canvas: transparent, ...region, smooth: false, label: meaning, scale });
  }

  /** @param {Region | null} shown */
  function setRegion(shown) {
    region = shown;
    box.hidden = overLabel.hidden = !shown;
  }

  return {
    box, over: overLabel,
    /**
     * @param {Float32Array} one
     * @param {Float32Array} other
     * @param {Region} part the pixels they are of, row by row
     */
    show(one, other, part) {
      const change = other.map((value, i) => value - one[i]);
      const largest = largestOf(change.map(Math.abs));
      const most = SCALES.find((scale) => largest <= scale) ?? 1; // a small change would be white on a scale to 1
      limit = String(most);
      less.textContent = `−${limit} less salt`;
      more.textContent = `+${limit} more salt`;
      drawLegend();
      canvas.style.setProperty("--ratio", String(part.width / part.height));
      paintValues(canvas, change, part, explorer.palette, most, true);
      paintTransparent(transparent, change, part, explorer.palette, most);
      setRegion(part);
      if (overlay.wanted()) lay();
    },
    /** @param {string} sentence */
    describe(sentence) {
      words.textContent = sentence;
      canvas.setAttribute("aria-label", `Difference: ${meaning}. ${sentence}`);
    },
    /** While another difference is computed; laid over the image, it comes back with that one. */
    stepAside() { setRegion(null); overlay.stepAside(); },
    /** There is no difference any more. */
    drop() { setRegion(null); overlay.drop(); },
    follow() { overlay.follow(); over.checked = overlay.wanted(); },
  };
}
