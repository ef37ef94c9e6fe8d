// The figures of what is known of a block's channels: alike places, and the dossier of one.

import { captionOf, cutWords, networkWords, windowWords } from "./caption.js";
import { colorBar, siteRegion, valueRaster } from "./colors.js";
import { cosineSimilarity } from "../maps/similarity.js";
import { mapScale } from "../lib/color.js";
import { mapValues } from "../maps/values.js";

/** @import { DossierResponse, Explorer, Maps, Place, ResponseCurve } from "../types.js" */
/** @import { Figure, Plot, Tick } from "./figure.js" */

const CORRELATION = "rgb(0 114 178)", ACTIVATION = "rgb(213 94 0)";
const TICK_ROOM = 0.12; // of the axis

/** Those with room for their number; the first and the last always. @param {Tick[]} ticks */
function spacedTicks(ticks) {
  const last = ticks[ticks.length - 1], least = TICK_ROOM * (last.at - ticks[0].at);
  let before = -Infinity;
  return ticks.filter((tick) => {
    const isFree = tick === last || (tick.at - before >= least && last.at - tick.at >= least);
    if (isFree) before = tick.at;
    return isFree;
  });
}

/** How alike every place is to one. @param {Explorer} explorer @returns {Figure} */
export function alikeFigure(explorer) {
  const { state: { layer, alike }, palette, window } = explorer, values = mapValues(explorer);
  const site = values.siteOf(/** @type {string} */ (layer)), map = /** @type {Maps} */ (values.mapOf(site.name));
  const [row, column] = /** @type {Place} */ (alike), { stride, down, right } = values.gridOf(site.name);
  const cellRow = Math.floor((row - window.top + down) / stride);
  const cell = cellRow * map.width + Math.floor((column - window.left + right) / stride);
  const { signed } = mapScale(map);
  const bar = signed ? colorBar(palette.diverging, ["−1", "0", "1"], "cosine similarity")
    : colorBar(palette.sequential, ["0", "1"], "cosine similarity");
  return {
    title: `Places like row ${row}, column ${column} at ${site.name}`, columns: 1,
    pictures: [{
      title: `${site.name}: places like row ${row}, column ${column}`, region: window, pixel: alike, bar,
      rasters: [valueRaster(cosineSimilarity(map, cell), map, palette, 1, signed, siteRegion(explorer, site))],
    }],
    caption: captionOf(explorer, `Cosine similarity of all ${map.channels} values of ${site.name} at every place with those at row ${row}, `
      + `column ${column}. White has none: all its values are 0. ${windowWords(explorer)}`,
    { threshold: false, conditions: [...networkWords(explorer), ...cutWords(explorer)] }),
  };
}

/** How the chosen channel responds as the input changes. @param {Explorer} explorer @returns {Promise<Figure>} */
export async function dossierFigure(explorer) {
  const { layer, channel } = explorer.state;
  /** @type {DossierResponse} */
  const { found, basis, source } = await explorer.request({
    kind: "dossier", site: /** @type {string} */ (layer), channel: /** @type {number} */ (channel),
    random: false, epoch: null, input: "", window: [0, 0],
  });
  const known = [found.gain, found.shift, found.rotation]
    .flatMap(({ activation, correlation }) => [...activation, ...correlation]).filter((value) => value !== null);
  const low = known.some((value) => value < 0) ? -1 : 0;
  const top = [1, 1.5, 2, 3, 5, 10, 20, 50].find((most) => known.every((value) => value <= most)) ?? Math.max(...known);
  /** @param {string} title @param {string} across @param {number[]} amounts @param {ResponseCurve} curve @param {(amount: number) => number} [place] @returns {Plot} */
  const plot = (title, across, amounts, { activation, correlation }, place = Number) => {
    const x = amounts.map(place), every = x.map((at, i) => ({ at, label: String(amounts[i]) }));
    const number = (/** @type {number | null} */ value) => value ?? NaN;
    return {
      title, across, down: "", low, top, x, ticks: spacedTicks(every),
      curves: [
        { values: correlation.map(number), color: CORRELATION, label: "correlation" },
        { values: activation.map(number), color: ACTIVATION, label: "mean activation", dashed: true },
      ],
    };
  };
  const effect = found.effect ? ` Without it a pixel's probability changes by ${found.effect.change[0].toPrecision(3)} on average `
    + `(95 % interval ${found.effect.change[1].toPrecision(3)} to ${found.effect.change[2].toPrecision(3)}, ${basis.effect_tiles} tiles).` : "";
  return {
    title: `How map ${channel} of ${source} responds`, columns: 1, pictures: [],
    plots: [
      plot("Gain", "contrast, times", basis.gains, found.gain, Math.log2), plot("Shift", "pixels", basis.shifts, found.shift),
      plot("Rotation", "degrees", basis.angles, found.rotation),
    ],
    legend: [{ color: CORRELATION, label: "correlation with the map of the unchanged input, moved back" },
      { color: ACTIVATION, label: "mean absolute activation, as a multiple" }],
    caption: `Map ${channel} of ${source}, weights ${explorer.weights}: how it responds as the contrast is multiplied, the section shifted and `
      + `turned, over ${basis.sections} synthetic sections.${effect}`,
  };
}
