// What of the image is in sight: from this row and column on, so many times enlarged.

import { clamp } from "../lib/region.js";

/** @import { Explorer, Place } from "../types.js" */
/** @typedef {ReturnType<typeof imageSight>} Sight */

const CLOSEST = 8; // rows or columns that stay in sight when it is zoomed in as far as it goes

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Explorer} explorer
 * @param {() => void} redraw
 */
export function imageSight(canvas, explorer, redraw) {
  /** @param {number} zoom @param {number} row @param {number} column */
  function show(zoom, row, column) {
    const { height, width } = explorer.image;
    sight.zoom = zoom;
    sight.row = clamp(row, 0, height - height / zoom);
    sight.column = clamp(column, 0, width - width / zoom);
    sight.setTouch();
  }

  /** @param {{ clientX: number, clientY: number }} point @returns {Place} as shares of the canvas: down, across */
  function shares({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    return [(clientY - box.top) / box.height, (clientX - box.left) / box.width];
  }

  /** @param {Place} shares @returns {Place} row and column there, as fractions */
  function placeAt([down, across]) {
    const { height, width } = explorer.image;
    return [sight.row + (down * height) / sight.zoom, sight.column + (across * width) / sight.zoom];
  }

  const sight = {
    zoom: 1, row: 0, column: 0,
    unit: 1, // device pixels of the canvas in a CSS pixel

    whole() { show(1, 0, 0); },
    /** At its whole size a finger scrolls the page past the image; enlarged, or with a tool in hand, it stays on it. */
    setTouch() { canvas.style.touchAction = sight.zoom > 1 || explorer.state.tab === "touch" ? "none" : "pan-y"; },
    /** Device pixels in a pixel. */
    scale: () => (canvas.width / explorer.image.width) * sight.zoom,
    /** The rows and columns in sight, those cut by its edge too. */
    bounds() {
      const { height, width } = explorer.image;
      return {
        top: Math.floor(sight.row), bottom: Math.min(height, Math.ceil(sight.row + height / sight.zoom)),
        left: Math.floor(sight.column), right: Math.min(width, Math.ceil(sight.column + width / sight.zoom)),
      };
    },

    /** Row and column under a pointer, as fractions. @param {{ clientX: number, clientY: number }} point */
    placeOf: (point) => placeAt(shares(point)),
    /** The pixel at a place, or the nearest. @param {Place} place @returns {Place} */
    cellOf: ([row, column]) => [
      clamp(Math.floor(row), 0, explorer.image.height - 1),
      clamp(Math.floor(column), 0, explorer.image.width - 1),
    ],

    /**
     * Enlarges so many times, with a place at these shares of the canvas.
     * @param {number} zoom
     * @param {Place} at
     */
    zoomTo(zoom, at, place = placeAt(at)) {
      const { height, width } = explorer.image;
      const bounded = clamp(zoom, 1, Math.max(4, Math.min(width, height) / CLOSEST));
      show(bounded, place[0] - (at[0] * height) / bounded, place[1] - (at[1] * width) / bounded);
      redraw();
    },
    /**
     * Enlarges so many times, with a place under a pointer.
     * @param {number} zoom
     * @param {{ clientX: number, clientY: number }} point
     * @param {Place} [place]
     */
    zoomAt(zoom, point, place) { sight.zoomTo(zoom, shares(point), place); },
    /** Moves one place to where another is. @param {Place} place @param {Place} other */
    move(place, other) {
      show(sight.zoom, sight.row + place[0] - other[0], sight.column + place[1] - other[1]);
      redraw();
    },
    /** Moves a place to the middle, as far as the image reaches. @param {Place} place */
    center([row, column]) {
      const { height, width } = explorer.image, { zoom } = sight;
      show(zoom, row - height / zoom / 2, column - width / zoom / 2);
      redraw();
    },
    /** Whoever moves the pixel with the keyboard sees where it is. @param {Place} pixel */
    bring([row, column]) {
      const rows = explorer.image.height / sight.zoom, columns = explorer.image.width / sight.zoom;
      const inSight = row >= sight.row && row + 1 <= sight.row + rows;
      if (inSight && column >= sight.column && column + 1 <= sight.column + columns) return;
      sight.center([row + 0.5, column + 0.5]);
    },
  };
  return sight;
}
