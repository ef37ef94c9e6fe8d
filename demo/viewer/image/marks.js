// Lines over the image: frames with their labels, the box, the pixel.

import { clamp } from "../lib/region.js";

/** @import { Explorer, Frame, Place, Region } from "../types.js" */
/** @import { Sight } from "./sight.js" */
/** @typedef {{ left: number, right: number, top: number, bottom: number }} Edges */
/** @typedef {{ x: number, y: number, width: number, height: number }} Placed */

const FRAME_COLOR = [240, 228, 66];
export const MARK_COLOR = [255, 255, 255];

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Explorer} explorer
 * @param {Sight} sight
 * @param {HTMLElement[]} above elements over the canvas: a label is not written under them
 */
export function imageMarks(context, explorer, sight, above) {
  const { canvas } = context;

  /**
   * Black under colour: visible on black, on white and on every grey between.
   * @param {number[]} color
   * @param {number} width
   */
  function strokeTwice(color, width) {
    context.lineWidth = (width + 2) * sight.unit;
    context.strokeStyle = "black";
    context.stroke();
    context.lineWidth = width * sight.unit;
    context.strokeStyle = `rgb(${color})`;
    context.stroke();
  }

  /**
   * A frame around a part of the image; what lies outside the image is drawn at its edge.
   * @param {Region} region
   * @param {number[]} color
   * @param {number[]} [dash]
   * @returns {Edges} on the canvas
   */
  function rectangle({ top, left, height, width }, color, dash = []) {
    const { image } = explorer;
    const scale = sight.scale(), inset = 1.5 * sight.unit;
    const [x0, x1] = [left, left + width].map((column) => clamp(column, 0, image.width) - sight.column);
    const [y0, y1] = [top, top + height].map((row) => clamp(row, 0, image.height) - sight.row);
    const edges = {
      left: x0 * scale + (left <= 0 ? inset : 0), right: x1 * scale - (left + width >= image.width ? inset : 0),
      top: y0 * scale + (top <= 0 ? inset : 0), bottom: y1 * scale - (top + height >= image.height ? inset : 0),
    };
    context.beginPath();
    context.rect(edges.left, edges.top, edges.right - edges.left, edges.bottom - edges.top);
    context.lineCap = "butt";
    context.setLineDash(dash.map((length) => length * sight.unit));
    strokeTwice(color, 1.75);
    context.setLineDash([]);
    return edges;
  }

  /** @param {Place} pixel */
  function crossHair([row, column]) {
    const scale = sight.scale(), { unit } = sight;
    const x = (column + 0.5 - sight.column) * scale, y = (row + 0.5 - sight.row) * scale;
    const half = Math.max(scale / 2, 4 * unit), arm = half + 9 * unit;
    context.beginPath();
    context.rect(x - half, y - half, 2 * half, 2 * half);
    for (const side of [-1, 1]) {
      context.moveTo(x + side * arm, y);
      context.lineTo(x + side * half, y);
      context.moveTo(x, y + side * arm);
      context.lineTo(x, y + side * half);
    }
    context.lineCap = "butt";
    strokeTwice(MARK_COLOR, 1.75);
  }

  /** @param {Frame[]} frames */
  function drawFrames(frames) {
    const placed = above.filter((element) => !element.hidden).map(place);
    const edges = frames.map((frame) => rectangle(frame, FRAME_COLOR, frame.dashed ? [6, 4] : []));
    frames.forEach(({ label }, i) => { if (label) placed.push(drawLabel(label, edges[i], placed)); });
  }

  /** Of an element over the canvas, in device pixels. @param {HTMLElement} element @returns {Placed} */
  function place({ offsetLeft, offsetTop, offsetWidth, offsetHeight }) {
    const { unit } = sight;
    return { x: offsetLeft * unit, y: offsetTop * unit, width: offsetWidth * unit, height: offsetHeight * unit };
  }

  /**
   * Beside its frame, where nothing else stands.
   * @param {string} text
   * @param {Edges} at
   * @param {Placed[]} placed
   * @returns {Placed}
   */
  function drawLabel(text, at, placed) {
    const gap = 3 * sight.unit, height = 17 * sight.unit;
    context.font = `${12 * sight.unit}px sans-serif`;
    const width = context.measureText(text).width + 2 * gap;
    const fits = (/** @type {number[]} */ [x, y]) =>
      x >= 0 && y >= 0 && x + width <= canvas.width && y + height <= canvas.height &&
      placed.every((one) =>
        x >= one.x + one.width || x + width <= one.x || y >= one.y + one.height || y + height <= one.y);
    const beyond = at.right - width;
    const places = [
      [at.left, at.top - height - gap], [at.left, at.bottom + gap], [beyond, at.top - height - gap],
      [beyond, at.bottom + gap], [at.right + gap, at.top], [at.left - width - gap, at.top],
      [at.left + gap, at.top + gap], [beyond - gap, at.bottom - height - gap],
      [at.left + gap, at.bottom - height - gap], [beyond - gap, at.top + gap],
    ];
    // Where none of them is free: the next free place down the left side.
    const column = Array.from({ length: Math.floor(canvas.height / height) }, (_, i) => [gap, gap + i * height])
      .sort(([, one], [, other]) => Math.abs(one - at.top) - Math.abs(other - at.top));
    const [x, y] = [...places, ...column].find(fits) ?? [gap, gap];
    context.fillStyle = "rgb(0 0 0 / 75%)";
    context.fillRect(x, y, width, height);
    context.fillStyle = `rgb(${FRAME_COLOR})`;
    context.textBaseline = "middle";
    context.fillText(text, x + gap, y + height / 2);
    return { x, y, width, height };
  }

  /** A brush in its place. @param {Place} pixel @param {number} size in pixels */
  function circle([row, column], size) {
    const scale = sight.scale();
    context.beginPath();
    const x = (column + 0.5 - sight.column) * scale, y = (row + 0.5 - sight.row) * scale;
    context.arc(x, y, (size * scale) / 2, 0, 2 * Math.PI);
    strokeTwice(MARK_COLOR, 1);
  }

  return { strokeTwice, rectangle, crossHair, circle, drawFrames };
}
