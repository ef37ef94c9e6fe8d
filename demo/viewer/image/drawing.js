// What the canvas shows: the part of the image in sight with its salt, another panel's map, and all marks over it.

import { context2d } from "../lib/dom.js";
import { CLASS_COLORS, FALSE_NEGATIVE, FALSE_POSITIVE, isCompared } from "./painting.js";
import { MARK_COLOR, imageMarks } from "./marks.js";

/** @import { Explorer, Region } from "../types.js" */
/** @import { ImageElements } from "./elements.js" */
/** @import { OpenedWindow } from "./window.js" */
/** @import { Painting } from "./painting.js" */
/** @import { Sight } from "./sight.js" */

const HATCH = 11; // CSS pixels from one line to the next along a row
const SQUARE = 8; // CSS pixels a side from which on a pixel of a large image is drawn as a square

/**
 * @param {ImageElements} elements
 * @param {Explorer} explorer
 * @param {Sight} sight
 * @param {Painting} painting
 * @param {OpenedWindow} opened
 * @returns {() => void}
 */
export function imageDrawing({ canvas, chip, overview }, explorer, sight, painting, opened) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
  const marks = imageMarks(context, explorer, sight, [chip, overview]);
  /** @type {(CanvasPattern | null)[]} */
  let patterns = [];
  let patternSide = 0;

  /** @param {CanvasImageSource} source @param {Region} region of the image @param {boolean} smooth */
  function drawRegion(source, { top, left, height, width }, smooth) {
    const scale = sight.scale();
    context.imageSmoothingEnabled = smooth;
    context.drawImage(source, (left - sight.column) * scale, (top - sight.row) * scale, width * scale, height * scale);
  }

  /** Of a large image one sees what it shows, of a tile its pixels. @param {OffscreenCanvas} source */
  function drawWhole(source) {
    const smooth = sight.scale() < (opened.isPart() ? SQUARE * sight.unit : 1);
    drawRegion(source, { ...explorer.image, top: 0, left: 0 }, smooth);
  }

  /** Lines over the pixels of a class. @param {number} kind */
  function hatch(kind) {
    const { width } = explorer.image, { classes } = painting, scale = sight.scale();
    const { top, left, bottom, right } = sight.bounds();
    context.beginPath();
    for (let row = top; row < bottom; row++) {
      const start = row * width;
      for (let column = left, from = -1; column <= right; column++) {
        const inside = column < right && classes[start + column] === kind;
        if (inside && from < 0) from = column;
        if (!inside && from >= 0) {
          context.rect((from - sight.column) * scale, (row - sight.row) * scale, (column - from) * scale, scale);
          from = -1;
        }
      }
    }
    context.fillStyle = /** @type {CanvasPattern} */ (hatching(kind));
    context.fill();
  }

  /**
   * In the class's colour, black on either side: up to the right for false positives, down for false negatives.
   * @param {number} kind
   */
  function hatching(kind) {
    const side = Math.max(4, Math.round(HATCH * sight.unit));
    if (side !== patternSide) {
      patternSide = side;
      patterns = [FALSE_POSITIVE, FALSE_NEGATIVE].map((which) => hatchPattern(which, side));
    }
    return patterns[kind - 1];
  }

  /** @param {number} kind @param {number} side */
  function hatchPattern(kind, side) {
    const tile = new OffscreenCanvas(side, side), lines = context2d(tile);
    if (kind === FALSE_NEGATIVE) lines.setTransform(1, 0, 0, -1, 0, side);
    for (const [color, share] of /** @type {[string, number][]} */ ([["black", 0.3], [`rgb(${CLASS_COLORS[kind]})`, 0.15]])) {
      lines.strokeStyle = color;
      lines.lineWidth = share * side;
      for (const shift of [-side, 0, side]) {
        lines.beginPath();
        lines.moveTo(shift - side / 2, 1.5 * side);
        lines.lineTo(shift + 1.5 * side, -side / 2);
        lines.stroke();
      }
    }
    return context.createPattern(tile, "repeat");
  }

  /**
   * The border of a region along the edges between pixels; runs are joined, and the image's own edge is left open.
   * @param {number} bit of the classes
   * @param {number[]} color
   */
  function outline(bit, color) {
    const { width } = explorer.image, { classes } = painting, scale = sight.scale();
    const { top, left, bottom, right } = sight.bounds();
    const x = (/** @type {number} */ column) => (column - sight.column) * scale;
    const y = (/** @type {number} */ row) => (row - sight.row) * scale;
    /**
     * The edges to the line before, where lines lie `step` and their pixels `along` apart.
     * @param {[number, number]} lines
     * @param {[number, number]} pixels
     * @param {number} step
     * @param {number} along
     * @param {(line: number, at: number) => [number, number]} point on the canvas
     */
    function edges([first, last], [start, end], step, along, point) {
      for (let line = Math.max(1, first); line < last; line++) {
        for (let at = start, from = -1; at <= end; at++) {
          const i = line * step + at * along;
          const edge = at < end && (classes[i] ^ classes[i - step]) & bit;
          if (edge && from < 0) from = at;
          if (!edge && from >= 0) {
            context.moveTo(...point(line, from));
            context.lineTo(...point(line, at));
            from = -1;
          }
        }
      }
    }
    context.beginPath();
    edges([top, bottom], [left, right], width, 1, (row, column) => [x(column), y(row)]);
    edges([left, right], [top, bottom], 1, width, (column, row) => [x(column), y(row)]);
    context.lineCap = "square";
    marks.strokeTwice(color, 2.5);
  }

  /** Salt, and what is right and wrong of it. */
  function drawMask() {
    const { look, opacity, overlay } = explorer.state;
    const compared = isCompared(explorer);
    if (painting.tinted) drawWhole(painting.painted);
    if (overlay) {
      context.globalAlpha = opacity;
      drawRegion(overlay.canvas, overlay, overlay.smooth);
      context.globalAlpha = 1;
    }
    if (compared && !overlay && opacity > 0) {
      context.globalAlpha = Math.sqrt(opacity);
      hatch(FALSE_POSITIVE);
      hatch(FALSE_NEGATIVE);
      context.globalAlpha = 1;
    }
    if (look === "fill" && !overlay) return;
    outline(1, explorer.palette.salt);
    if (compared) outline(2, CLASS_COLORS[FALSE_NEGATIVE]);
  }

  return function draw() {
    const { swipe, frames, overlay, pixel, box, hover, tab } = explorer.state;
    const split = swipe === null ? 0 : Math.round(swipe * canvas.width);
    if (!painting.tinted || split > 0) drawWhole(painting.plain);
    if (split > 0) {
      context.save();
      context.beginPath();
      context.rect(split, 0, canvas.width - split, canvas.height);
      context.clip();
    }
    drawMask();
    if (split > 0) {
      context.restore();
      context.beginPath();
      context.moveTo(split, 0);
      context.lineTo(split, canvas.height);
      marks.strokeTwice(MARK_COLOR, 1.5);
    }
    if (opened.isPart()) marks.rectangle(opened.region(), MARK_COLOR, [10, 5]);
    marks.drawFrames([...frames, ...(overlay?.frames ?? [])]);
    const brush = tab === "touch" && hover ? explorer.hand?.brush() : 0;
    if (brush && hover) marks.circle(hover, brush);
    if (box) marks.rectangle({ top: box[0], left: box[1], height: box[2], width: box[3] }, MARK_COLOR);
    else if (pixel) marks.crossHair(pixel);
  };
}
