// A figure for a paper, as SVG: panels with axes in pixels, colour bars, a legend and a caption.
//
// A view describes what is to be seen (`Figure`); here it is laid out, in points.  Text stays text, lines stay lines,
// and a raster is a PNG of its own size, so that nothing of it is resampled.  White and black, whatever the page's colours.

import { dataUrl, encodePng } from "./png.js";
import { PLOT_TALL, drawPlot } from "./plot.js";
import { svg } from "../lib/dom.js";
import { FONTS, label, plain, textLines } from "./text.js";

/** @import { Frame, Place, Region } from "../types.js" */
/**
 * @typedef {{ rgba: Uint8Array, height: number, width: number, region: Region, opacity?: number, smooth?: boolean }} Raster
 *   pixels, what of the image they cover, and whether they are smoothed where they are enlarged
 * @typedef {{ rgba: Uint8Array, colors: number, labels: string[], quantity: string }} ColorBar
 * @typedef {{ path: string, color: number[] }} Outline  in the image's pixels
 * @typedef {{ values: ArrayLike<number>, color: string, label: string, dashed?: boolean }} Curve
 * @typedef {{ at: number, label: string }} Tick
 * @typedef {{ title?: string, x: ArrayLike<number>, curves: Curve[], across: string, down: string, low?: number, top: number,
 *   ticks: Tick[], marks?: { at: number, dashed: boolean }[] }} Plot  the axis goes from its first tick to its last
 * @typedef {{ title: string, region: Region, rasters: Raster[], outlines?: Outline[], frames?: Frame[], pixel?: Place | null,
 *   ticks?: boolean, bar?: ColorBar | null, note?: string }} Picture
 * @typedef {{ pictures: Picture[], columns: number, plots?: Plot[], bar?: ColorBar | null, legend?: { color: string, label: string }[],
 *   title: string, caption: string }} Figure
 */

export const POINTS = 72; // in an inch
const ONE_COLUMN = 3.5 * POINTS, TWO_COLUMNS = 7 * POINTS;
const GAP = 10, EDGE = 4, HALF_TICK = 6; // of the last tick's number, half stands beyond the axis
const TITLE = 12, TICKS = 22, AXIS = 30, BAR = 28, NOTE = 9;
const LINE = 8.6; // of the caption
const FRAME = "rgb(240 228 66)";
const XLINK = "http://www.w3.org/1999/xlink";

/** How far apart ticks stand, for about four of them. @param {number} length */
function tickStep(length) {
  const least = length / 4, power = 10 ** Math.floor(Math.log10(least));
  return Math.max(1, power * ([1, 2, 5, 10].find((factor) => factor * power >= least) ?? 10));
}

/** Whole numbers from one on, below another. @param {number} start @param {number} length */
function ticksIn(start, length) {
  const step = tickStep(length), first = Math.ceil(start / step) * step;
  return Array.from({ length: Math.max(0, Math.ceil((start + length - first) / step)) }, (_, i) => first + i * step);
}

/**
 * Pixels as a PNG in the drawing.
 * @param {{ rgba: Uint8Array }} raster
 * @param {number} width
 * @param {number} height
 * @param {object} place
 * @param {boolean} smooth
 */
async function embedded({ rgba }, width, height, place, smooth) {
  const image = svg("image", { preserveAspectRatio: "none", style: smooth ? null : "image-rendering: pixelated", ...place });
  // Not only browsers read it, and many of the others know href by its older name alone.
  image.setAttributeNS(XLINK, "xlink:href", await dataUrl(await encodePng(rgba, width, height)));
  return image;
}

/**
 * Black under a colour: seen on every grey.
 * @param {"rect" | "path"} tag
 * @param {object} shape
 * @param {string} color
 * @param {number} point in the units of the shape
 */
function strokedTwice(tag, shape, color, point, width = 1, dashed = false) {
  const dash = dashed ? `${4 * point} ${2.5 * point}` : null;
  return [["black", width + 0.8], [color, width]].map(([stroke, thickness]) => svg(tag, {
    ...shape, fill: "none", stroke, "stroke-width": Number(thickness) * point, "stroke-dasharray": dash,
  }));
}

/**
 * One picture, its upper left corner at (x, y).
 * @param {Picture} picture
 * @param {number} x
 * @param {number} y
 * @param {number} width of what is drawn
 */
async function drawPicture(picture, x, y, width) {
  const { title, region, rasters, outlines = [], frames = [], pixel, ticks = true, bar, note } = picture;
  const scale = width / region.width, height = scale * region.height;
  const across = (/** @type {number} */ column) => x + (column - region.left) * scale;
  const down = (/** @type {number} */ row) => y + (row - region.top) * scale;
  // In the image's own pixels: what is drawn there keeps its meaning, and is cut off at the edge.
  const inside = svg("svg", {
    x, y, width, height, viewBox: `${region.left} ${region.top} ${region.width} ${region.height}`, preserveAspectRatio: "none",
  });
  for (const raster of rasters) {
    const { top, left, height: rows, width: columns } = raster.region;
    const place = { x: left, y: top, width: columns, height: rows, opacity: raster.opacity ?? null };
    const isSmooth = raster.smooth ?? raster.width > 4 * width; // more pixels than the paper has
    inside.append(await embedded(raster, raster.width, raster.height, place, isSmooth));
  }
  for (const { path, color } of outlines) inside.append(...strokedTwice("path", { d: path }, `rgb(${color})`, 1 / scale, 1.2));
  for (const { top, left, height: rows, width: columns, dashed } of frames) {
    inside.append(...strokedTwice("rect", { x: left, y: top, width: columns, height: rows }, FRAME, 1 / scale, 1, dashed));
  }
  if (pixel) {
    const [row, column] = pixel, arm = 6 / scale;
    const d = `M${column} ${row}h1v1h-1zM${column + 0.5} ${row}v${-arm}M${column + 0.5} ${row + 1}v${arm}`
      + `M${column} ${row + 0.5}h${-arm}M${column + 1} ${row + 0.5}h${arm}`;
    inside.append(...strokedTwice("path", { d }, "white", 1 / scale, 0.9));
  }
  const drawn = svg("g", {}, title ? label(title, x, y - 3.5, { class: "title" }) : null, inside,
    svg("rect", { x, y, width, height, fill: "none", stroke: "black", "stroke-width": 0.5 }));
  for (const { label: words, top, left } of frames) {
    const at = { stroke: "black", "stroke-width": 1.6, "paint-order": "stroke", fill: FRAME };
    if (words) drawn.append(label(words, Math.max(x + 2, across(left) + 2), Math.max(y + 7, down(top) + 7.5), at));
  }
  if (ticks) drawn.append(pixelAxes(region, x, y, width, height, across, down));
  let below = y + height + (ticks ? TICKS : 0);
  if (note) drawn.append(label(note, x, below + NOTE - 2));
  below += note ? NOTE : 0;
  if (bar) drawn.append(await drawBar(bar, x, below + 5, Math.min(width, 160)));
  return drawn;
}

/**
 * Rows and columns; a tick stands at the middle of its pixel.
 * @param {Region} region
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {(column: number) => number} across
 * @param {(row: number) => number} down
 */
function pixelAxes({ top, left, height: rows, width: columns }, x, y, width, height, across, down) {
  const axes = svg("g", { class: "axes" });
  const line = (/** @type {number[]} */ [x1, y1, x2, y2]) =>
    svg("path", { d: `M${x1} ${y1}L${x2} ${y2}`, stroke: "black", "stroke-width": 0.5 });
  const bottom = y + height;
  for (const column of ticksIn(left, columns)) {
    const at = across(column + 0.5);
    axes.append(line([at, bottom, at, bottom + 2.5]), label(String(column), at, bottom + 9, { "text-anchor": "middle" }));
  }
  for (const row of ticksIn(top, rows)) {
    const at = down(row + 0.5);
    axes.append(line([x - 2.5, at, x, at]), label(String(row), x - 4, at + 2.4, { "text-anchor": "end" }));
  }
  const middle = y + height / 2, beside = x - 21;
  axes.append(
    label("column (pixels)", x + width / 2, bottom + 17.5, { "text-anchor": "middle" }),
    label("row (pixels)", beside, middle, { "text-anchor": "middle", transform: `rotate(-90 ${beside} ${middle})` }),
  );
  return axes;
}

/** @param {ColorBar} bar @param {number} x @param {number} y @param {number} width */
async function drawBar({ rgba, colors, labels, quantity }, x, y, width) {
  const drawn = svg("g", { class: "bar" }, await embedded({ rgba }, colors, 1, { x, y, width, height: 5 }, false),
    svg("rect", { x, y, width, height: 5, fill: "none", stroke: "black", "stroke-width": 0.4 }));
  labels.forEach((words, i) => {
    const share = i / (labels.length - 1), anchor = ["start", "middle", "end"][Math.round(2 * share)];
    drawn.append(label(words, x + share * width, y + 12.5, { "text-anchor": anchor }));
  });
  drawn.append(label(quantity, x + width / 2, y + 20.5, { "text-anchor": "middle" }));
  return drawn;
}

/**
 * Colours and what they mean, as many in a line as have room.
 * @param {NonNullable<Figure["legend"]>} legend
 * @param {number} y
 * @param {number} width
 */
function drawLegend(legend, y, width) {
  const drawn = svg("g", { class: "legend" });
  let x = EDGE, line = 0;
  for (const { color, label: words } of legend) {
    const long = 12 + textLines(words, Infinity).width + 8;
    if (x > EDGE && x + long > width) { x = EDGE; line++; }
    const at = y + line * 10;
    const swatch = svg("rect", { x, y: at, width: 7, height: 7, fill: color, stroke: "black", "stroke-width": 0.4 });
    drawn.append(swatch, label(words, x + 10, at + 6.2));
    x += long;
  }
  return { drawn, height: (line + 1) * 10 };
}

/**
 * The figure as a drawing, and how wide it is on paper.
 * @param {Figure} figure
 */
export async function figureSvg({ pictures, columns, plots = [], bar, legend, title, caption }) {
  const widest = Math.max(0, ...pictures.map(({ region }) => region.width / region.height));
  const width = columns > 1 || plots.length > 1 || widest > 1.8 ? TWO_COLUMNS : ONE_COLUMN;
  const root = svg("svg", { version: "1.1", "font-family": FONTS, "font-size": 7, fill: "black", role: "img" });
  const style = svg("style", {}, ".title { font-weight: bold; font-size: 8px }"), body = svg("g");
  root.append(svg("title", {}, plain(title)), svg("desc", {}, plain(caption)), style, body);

  let y = EDGE;
  const hasTicks = pictures.some(({ ticks = true }) => ticks), left = EDGE + (hasTicks ? AXIS : 0);
  const right = EDGE + (hasTicks ? HALF_TICK : 0), gap = GAP + (hasTicks ? AXIS - 8 : 0);
  const each = (width - left - right - (columns - 1) * gap) / columns;
  for (let first = 0; first < pictures.length; first += columns) {
    const row = pictures.slice(first, first + columns);
    const heads = row.some((picture) => picture.title) ? TITLE : 0;
    const tall = Math.max(...row.map(({ region }) => (each * region.height) / region.width));
    for (const [i, picture] of row.entries()) {
      body.append(await drawPicture(picture, left + i * (each + gap), y + heads, each));
    }
    const feet = row.map(({ ticks = true, bar: own, note }) =>
      (ticks ? TICKS : 0) + (own ? BAR : 0) + (note ? NOTE : 0));
    y += heads + tall + Math.max(...feet) + (columns > 6 ? 2 : 6);
  }
  const plotWide = (width - 2 * EDGE) / (plots.length || 1);
  body.append(...plots.map((plot, i) => drawPlot(plot, EDGE + i * plotWide, y, plotWide)));
  if (plots.length) y += PLOT_TALL + 4;
  if (bar) {
    body.append(await drawBar(bar, left, y + 2, 160));
    y += BAR;
  }
  if (legend?.length) {
    const { drawn, height } = drawLegend(legend, y, width);
    body.append(drawn);
    y += height + 4;
  }
  const { lines } = textLines(caption, width - 2 * EDGE);
  for (const words of lines) body.append(label(words, EDGE, (y += LINE)));
  const height = Math.ceil(y + EDGE);
  root.setAttribute("width", `${width / POINTS}in`);
  root.setAttribute("height", `${height / POINTS}in`);
  root.setAttribute("viewBox", `0 0 ${width} ${height}`);
  body.prepend(svg("rect", { width, height, fill: "white" }));
  return { root, width, height };
}
