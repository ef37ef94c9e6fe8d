// The figures of the panels below the network.

import { captionOf, cutWords, networkWords, windowWords } from "./caption.js";
import {
  classRaster, colorBar, greyRaster, mapRaster, signedBar, siteRegion, unsignedBar, valueRaster,
} from "./colors.js";
import { comparePredictions, groundOfWindow } from "../lib/comparison.js";
import { siteGrid } from "../lib/region.js";
import { largestOf } from "../lib/statistics.js";
import { mapName } from "../maps/chosen.js";
import { mapNumbers, mapOrder, mapValues } from "../maps/values.js";
import { mapScale } from "../lib/color.js";
import { alikeFigure } from "./channel.js";
import { askedBox } from "../code/panels.js";
import { maskClasses } from "./image.js";
import { fixed, percent, signed, significant, writtenChange } from "../lib/format.js";
import { SCALES } from "../lib/difference.js";
import { seeksAlike } from "../maps/similarity.js";
import { strongOf } from "../pixel/maps.js";
import { windowPosition } from "../maps/core_sample.js";

/** @import { Box, Explorer, Maps, Place, Region } from "../types.js" */
/** @import { Comparison } from "../lib/comparison.js" */
/** @import { Figure, Picture } from "./figure.js" */

const MOST_MAPS = 64; // of a site in one figure: more would be too small to see
const FIGURE_TINT = 0.6; // how much of the salt is colour, as in the panels' small images

/** The scale of a map in words. @param {Explorer} explorer @param {Maps} map @param {number | null} channel null: of all */
function scaleBar({ palette, state: { shared } }, map, channel) {
  const { signed: isSigned, limits, limit } = mapScale(map);
  const isOwn = channel === null && !shared;
  const end = isOwn ? "each map's largest" : significant(channel === null || shared ? limit : limits[channel]);
  return isSigned
    ? colorBar(palette.diverging, [isOwn ? "negative" : `−${end}`, "0", end], "activation")
    : unsignedBar(palette, end, "activation");
}

/** @param {Explorer} explorer @returns {Figure} */
export function mapsFigure(explorer) {
  const { state: { layer, channel, shared, sort }, palette, window } = explorer;
  const site = /** @type {string} */ (layer), values = mapValues(explorer);
  const map = /** @type {Maps} */ (values.mapOf(site));
  const region = siteRegion(explorer, values.siteOf(site)), where = windowWords(explorer);
  const conditions = [...networkWords(explorer), ...cutWords(explorer)];
  if (seeksAlike(explorer.state)) return alikeFigure(explorer);
  if (site === "logits") {
    return {
      title: "Probability of salt", columns: 1,
      pictures: [{ title: "", region: window, rasters: [mapRaster(map, 0, palette, false, window)],
        bar: unsignedBar(palette, "1", "probability of salt") }],
      caption: captionOf(explorer, `The network's answer, the probability of salt. ${where}`, { threshold: false, conditions }),
    };
  }
  const covers = values.siteOf(site).stride;
  const stride = covers === 1 ? "A value is for a pixel." : `A value is for ${covers} × ${covers} pixels.`;
  if (channel !== null) {
    const { mean, sparsity } = mapNumbers(map);
    const numbers = `Mean ${significant(mean[channel])}, ${percent(sparsity[channel])} at zero or below.`;
    return {
      title: mapName(site, channel), columns: 1,
      pictures: [{
        title: mapName(site, channel), region: window, rasters: [mapRaster(map, channel, palette, shared, region)],
        bar: scaleBar(explorer, map, channel),
      }],
      caption: captionOf(explorer, `Activation of map ${channel} of ${map.channels} at ${site}. ${numbers} ${stride} ${where}`,
        { threshold: false, conditions }),
    };
  }
  const sorted = sort === "effect" ? undefined : values.sortValues(site, map);
  const order = sorted ? mapOrder(sorted) : Array.from({ length: map.channels }, (_, own) => own);
  const shownMaps = order.slice(0, MOST_MAPS);
  const many = shownMaps.length < map.channels ? `, the first ${shownMaps.length}${sorted ? ` by ${sort}` : ""}` : "";
  return {
    title: `The maps of ${site}`, columns: 8,
    pictures: shownMaps.map((own) => ({
      title: String(own), region: window, rasters: [mapRaster(map, own, palette, shared, region)], ticks: false,
    })),
    bar: scaleBar(explorer, map, null),
    caption: captionOf(explorer, `Activations of the ${map.channels} maps of ${site}${many}; the number of a map stands above it. `
      + `${stride} ${where}`, { threshold: false, conditions }),
  };
}

/**
 * A mask over its image.
 * @param {Pick<Explorer, "image" | "palette">} explorer
 * @param {string} title
 * @param {Float32Array} probability of the region
 * @param {number} threshold
 * @param {Region} region
 */
export function maskPicture({ image, palette }, title, probability, threshold, region) {
  const salt = classRaster(maskClasses(probability, threshold), [[], palette.salt], region, FIGURE_TINT);
  return { title, region, rasters: [greyRaster({ image }, region), salt] };
}

/**
 * @param {Explorer} explorer
 * @param {string} title
 * @param {Float32Array} one
 * @param {Float32Array} other
 * @param {Region} region
 * @param {string} quantity
 * @returns {Picture}
 */
export function differencePicture({ palette }, title, one, other, region, quantity) {
  const change = other.map((value, i) => value - one[i]);
  const limit = SCALES.find((scale) => largestOf(change.map(Math.abs)) <= scale) ?? 1;
  return {
    title, region, rasters: [valueRaster(change, region, palette, limit, true, region)],
    bar: signedBar(palette, String(limit), quantity),
  };
}

/** @param {Comparison} comparison */
function comparedWords({ areas, scores, distance }) {
  const [one, other] = areas.map((area) => `${(100 * area).toFixed(1)} %`);
  const overlap = scores ? ` IoU with the truth ${scores.map((score) => score.toFixed(2)).join(" and ")}.` : "";
  return `Salt ${one} and ${other}, ${signed(writtenChange(100 * areas[0], 100 * areas[1], 1), 1)} points.${overlap} `
    + `Mean change of a pixel's probability, up or down: ${distance.toFixed(3)}.`;
}

/** @param {Explorer} explorer @returns {Figure} */
export function cutFigure(explorer) {
  const { window, cuts: table, state: { cuts, threshold } } = explorer;
  if (!table) throw new Error("The cuts are still computed.");
  const whole = table.probability(0), cut = table.probability(explorer.cutIndex());
  const [one, other] = [whole, cut].map((probability) => ({ probability, threshold }));
  const comparison = comparePredictions(one, other, groundOfWindow(explorer));
  return {
    title: `Without ${cuts.join(", ")}`, columns: 3,
    pictures: [
      maskPicture(explorer, "Whole", whole, threshold, window),
      maskPicture(explorer, `Without ${cuts.join(", ")}`, cut, threshold, window),
      differencePicture(explorer, "Change", whole, cut, window, "change of the probability"),
    ],
    caption: captionOf(explorer, `Left: the whole network; middle: ${cutWords(explorer)}; right: the change. `
      + `${comparedWords(comparison)} ${windowWords(explorer)}`),
  };
}

/** @param {Explorer} explorer @returns {Promise<Figure>} */
export async function whyFigure(explorer) {
  const { network: { sites }, palette, window, state: { random } } = explorer;
  const box = /** @type {Box} */ (askedBox(explorer));
  const { gradient, boxes, cams, probability, logit } = await explorer.request({ kind: "pixel", box, random });
  const limit = strongOf(gradient), [top, left, height, width] = box;
  const frame = (/** @type {Box} */ [row, column, rows, columns], /** @type {string} */ label, dashed = false) =>
    ({ top: row, left: column, height: rows, width: columns, label, dashed });
  const isBox = height * width > 1, asked = isBox ? [frame(box, "")] : [];
  const pixel = isBox ? null : /** @type {Place} */ ([top, left]);
  const marks = { pixel, frames: [frame(boxes["90"], "90 %"), frame(boxes["50"], "50 %", true), ...asked] };
  const place = isBox ? `Rows ${top} to ${top + height - 1}, columns ${left} to ${left + width - 1}`
    : `Row ${top}, column ${left}`;
  const [wide, narrow] = [boxes["90"], boxes["50"]].map(([, , rows, columns]) => `${rows} × ${columns}`);
  return {
    title: `${place}: what its answer rests on`, columns: 3,
    pictures: [
      { title: "Where the influence comes from", region: window, rasters: [greyRaster(explorer, window)], ...marks },
      { title: "Input gradient", region: window, pixel,
        rasters: [valueRaster(gradient, window, palette, limit, true, window)],
        bar: signedBar(palette, significant(limit), "change of the logit per grey") },
      ...sites.filter(({ name }) => cams[name]).map((site) => {
        const cam = cams[site.name], most = largestOf(cam.values);
        return {
          title: `Grad-CAM, ${site.name}`, region: window, pixel,
          rasters: [valueRaster(cam.values, cam, palette, most, false, siteRegion(explorer, site))],
          bar: unsignedBar(palette, significant(most), "Grad-CAM"),
        };
      }),
    ],
    caption: captionOf(explorer, `${place}: probability ${probability.toFixed(2)}, logit ${fixed(logit, 2)}. `
      + `90 % of the influence comes from ${wide} pixels (frame), 50 % from ${narrow} (dashed frame). The strongest hundredth of the `
      + `gradient has the full colour. Nothing is cut for it. ${windowWords(explorer)}`, { threshold: false }),
  };
}

/** @param {Explorer} explorer @returns {Figure} */
export function valuesFigure(explorer) {
  const { network: { sites }, palette, window } = explorer, values = mapValues(explorer);
  const { row, column } = windowPosition(explorer);
  /** @type {Picture[]} */
  const pictures = sites.filter(({ name }) => name !== "logits").map((site) => {
    const map = /** @type {Maps} */ (values.mapOf(site.name)), { stride, down, right } = siteGrid(explorer, site);
    const size = map.height * map.width;
    const cell = Math.floor((row + down) / stride) * map.width + Math.floor((column + right) / stride);
    const core = Float32Array.from({ length: map.channels }, (_, own) =>
      map.low[own] + ((map.high[own] - map.low[own]) * map.values[own * size + cell]) / 255);
    const strongest = core.reduce((best, value, own) => (Math.abs(value) > Math.abs(core[best]) ? own : best), 0);
    const { limit, signed: isSigned } = mapScale(map);
    const region = { top: 0, left: 0, height: map.channels / 24, width: map.channels };
    return {
      title: site.name, region, ticks: false,
      rasters: [valueRaster(core, { height: 1, width: map.channels }, palette, limit, isSigned, region)],
      note: `${map.channels} maps; strongest: map ${strongest}, ${significant(core[strongest])}; scale ${isSigned ? "±" : "0 to "}${significant(limit)}`,
    };
  });
  const place = `Row ${window.top + row}, column ${window.left + column}`;
  return {
    title: `${place} in every block`, columns: 2, pictures,
    bar: colorBar(palette.diverging, ["negative", "0", "largest of the block"], "activation, where a block has negative values"),
    caption: captionOf(explorer, `${place}: the values of all maps of every block, a stripe each. A block without negative values is `
      + "drawn from dark blue, 0, to yellow.", { threshold: false, conditions: [...networkWords(explorer), ...cutWords(explorer)] }),
  };
}

/** @param {Explorer} explorer @returns {Figure} */
export function compareFigure(explorer) {
  const { original: image, other, palette, weights, state: { threshold } } = explorer;
  if (!other) throw new Error("What the second network says is still computed.");
  const region = { top: 0, left: 0, height: image.height, width: image.width };
  const [first, second] = [image, other].map(({ probability }) => ({ probability, threshold }));
  const comparison = comparePredictions(first, second, image);
  return {
    title: `${weights} and ${other.name}`, columns: 3,
    pictures: [
      maskPicture({ image, palette }, weights, image.probability, threshold, region),
      maskPicture({ image, palette }, other.name, other.probability, threshold, region),
      differencePicture(explorer, "Second minus first", image.probability, other.probability, region,
        "difference of the probability"),
    ],
    caption: captionOf(explorer, `Two networks, whole and without flip TTA: ${weights} and ${other.name}. ${comparedWords(comparison)} `
      + `IoU of the two masks ${comparison.overlap.toFixed(2)}.`, { conditions: [] }),
  };
}
