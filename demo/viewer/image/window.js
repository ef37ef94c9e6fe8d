// The part of a large image that is opened, and the ways to move it.

import { clamp, isWhole } from "../lib/region.js";
import { draggable } from "../lib/gestures.js";

/** @import { Explorer, Place, Region } from "../types.js" */
/** @import { ImageElements } from "./elements.js" */
/** @import { Sight } from "./sight.js" */
/** @typedef {ReturnType<typeof openedWindow>} OpenedWindow */

const NEAR = 7; // CSS pixels from the window's border that still take hold of it

/**
 * @param {ImageElements} elements
 * @param {Explorer} explorer
 * @param {Sight} sight
 * @param {() => void} redraw
 */
export function openedWindow({ windowPlace, windowInputs, grip }, explorer, sight, redraw) {
  /** @type {Place | null} */
  let carried = null; // its first row and column while it is dragged
  let held = [0, 0]; // from its corner to the hand

  const isPart = () => !isWhole(explorer.image, explorer.window);
  /** @returns {Place} */
  const corner = () => carried ?? [explorer.window.top, explorer.window.left];
  const furthest = ({ image, window } = explorer) => [image.height - window.height, image.width - window.width];

  /** @returns {Region} */
  function region() { const [top, left] = corner(); return { ...explorer.window, top, left }; }

  /** Where the window begins that has a pixel in its middle, as far as the image reaches. @param {Place} pixel @returns {Place} */
  function around([row, column]) {
    const [lastRow, lastColumn] = furthest(), { height, width } = explorer.window;
    return [clamp(row - (height >> 1), 0, lastRow), clamp(column - (width >> 1), 0, lastColumn)];
  }

  /** @param {number[]} place */
  function carry([row, column]) {
    const [lastRow, lastColumn] = furthest();
    carried = [clamp(Math.round(row), 0, lastRow), clamp(Math.round(column), 0, lastColumn)];
    show();
    redraw();
  }

  /** @param {PointerEvent} event */
  function take(event) {
    const place = sight.placeOf(event), [top, left] = corner();
    held = [place[0] - top, place[1] - left];
  }

  /** @param {PointerEvent} event */
  function move(event) { carry(sight.placeOf(event).map((at, axis) => at - held[axis])); }

  /** A request is made when the window is let go, not on every row that it passes. */
  function drop() {
    const place = carried;
    carried = null;
    if (place) explorer.set({ window: place });
    show();
    redraw();
  }

  /** It stays where it was. */
  function putBack() { carried = null; redraw(); }

  function show() {
    windowPlace.hidden = !isPart();
    if (!isPart()) return;
    const place = corner(), last = furthest();
    windowInputs.forEach((input, axis) => {
      input.max = String(last[axis]);
      if (!input.matches(":focus")) input.value = String(place[axis]);
    });
  }

  function placeGrip() {
    const [top, left] = corner(), { height, width } = explorer.image;
    const x = ((left - sight.column) / width) * sight.zoom, y = ((top - sight.row) / height) * sight.zoom;
    grip.hidden = !isPart() || x < 0 || y < 0 || x > 1 || y > 1;
    if (grip.hidden) return;
    grip.style.left = `${100 * x}%`;
    grip.style.top = `${100 * y}%`;
  }

  /** @param {Place} place */
  function isOnBorder([row, column]) {
    if (!isPart()) return false;
    const { top, left, height, width } = region();
    const near = (NEAR * sight.unit) / sight.scale();
    const across = column > left - near && column < left + width + near;
    const down = row > top - near && row < top + height + near;
    const beside = Math.min(Math.abs(row - top), Math.abs(row - top - height)) < near;
    const over = Math.min(Math.abs(column - left), Math.abs(column - left - width)) < near;
    return across && down && (beside || over);
  }

  draggable(grip, { start: take, move, end: drop, cancel: drop });
  windowInputs.forEach((input, axis) => input.addEventListener("change", () => {
    const place = corner();
    carry(windowInputs.map((one, i) => (Number.isFinite(one.valueAsNumber) ? one.valueAsNumber : place[i])));
    input.value = String(corner()[axis]);
    drop();
  }));

  return { isPart, region, around, take, move, drop, putBack, show, placeGrip, isOnBorder };
}
