// Where the enlarged part lies in the whole image; a click or a drag there moves it.

import { context2d } from "../lib/dom.js";
import { draggable } from "../lib/gestures.js";

/** @import { Explorer, Region } from "../types.js" */
/** @import { ImageElements } from "./elements.js" */
/** @import { OpenedWindow } from "./window.js" */
/** @import { Painting } from "./painting.js" */
/** @import { Sight } from "./sight.js" */

const LONGEST_SIDE = 288; // device pixels of the drawing

/**
 * @param {ImageElements} elements
 * @param {Explorer} explorer
 * @param {Sight} sight
 * @param {Painting} painting
 * @param {OpenedWindow} opened
 */
export function imageOverview(elements, explorer, sight, painting, opened) {
  const { overview, overviewCanvas, overviewOpened, overviewSight } = elements;

  /** The plain image. */
  function draw() {
    const { height, width } = explorer.image, scale = Math.min(1, LONGEST_SIDE / Math.max(height, width));
    overviewCanvas.width = Math.max(1, Math.round(scale * width));
    overviewCanvas.height = Math.max(1, Math.round(scale * height));
    context2d(overviewCanvas).drawImage(painting.plain, 0, 0, overviewCanvas.width, overviewCanvas.height);
  }

  /** @param {HTMLElement} frame @param {Region} region */
  function place(frame, { top, left, height, width }) {
    const { image } = explorer;
    frame.style.inset = [
      top / image.height, 1 - (left + width) / image.width, 1 - (top + height) / image.height, left / image.width,
    ].map((share) => `${100 * share}%`).join(" ");
  }

  /** What is in sight now. */
  function show() {
    overview.hidden = sight.zoom === 1;
    if (overview.hidden) return;
    const { image: { height, width } } = explorer, { zoom } = sight;
    place(overviewSight, { top: sight.row, left: sight.column, height: height / zoom, width: width / zoom });
    overviewOpened.hidden = !opened.isPart();
    if (opened.isPart()) place(overviewOpened, opened.region());
  }

  /** @param {PointerEvent} event */
  function go(event) {
    const box = overview.getBoundingClientRect(), { height, width } = explorer.image;
    sight.center([
      ((event.clientY - box.top) / box.height) * height, ((event.clientX - box.left) / box.width) * width,
    ]);
  }

  draggable(overview, { start: go, move: go, end: () => {}, cancel: () => {} });

  return { draw, show };
}
