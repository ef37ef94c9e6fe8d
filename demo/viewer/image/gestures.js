// Pointing at the image: a pixel, a box, the window's border, and moving and enlarging it with one hand or two fingers.

import { clamp, contains } from "../lib/region.js";
import { seeksAlike } from "../maps/similarity.js";

/** @import { Box, Explorer, Place, ViewState } from "../types.js" */
/** @import { ImageElements } from "./elements.js" */
/** @import { OpenedWindow } from "./window.js" */
/** @import { Sight } from "./sight.js" */

const STRONGEST = 0.35; // of one turn of the wheel, as a logarithm of the zoom
const HINT_TIME = 3000; // ms

/**
 * @param {ImageElements} elements
 * @param {Explorer} explorer
 * @param {Sight} sight
 * @param {OpenedWindow} opened
 */
export function imageGestures({ canvas, drags, zoomButtons, hint }, explorer, sight, opened) {
  const pointers = new Map(); // those that are down: where each is
  /** @type {any} */
  let gesture = null; // what they are doing
  const drag = () => (sight.zoom > 1 ? drags.find((radio) => radio.checked)?.value : "select");

  /**
   * From one pixel to another, both of them in it; at least two pixels a side.
   * @param {Place} one
   * @param {Place} other
   * @returns {Box}
   */
  function boxBetween(one, other) {
    const { height, width } = explorer.image;
    const [rows, columns] = [height, width].map((length, axis) => {
      const size = Math.max(2, Math.abs(one[axis] - other[axis]) + 1);
      return [clamp(Math.min(one[axis], other[axis]), 0, length - size), size];
    });
    return [rows[0], columns[0], rows[1], columns[1]];
  }

  /** Between two fingers. */
  function spread() {
    const [one, other] = pointers.values();
    return {
      distance: Math.max(1, Math.hypot(one.x - other.x, one.y - other.y)),
      clientX: (one.x + other.x) / 2, clientY: (one.y + other.y) / 2,
    };
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    canvas.setPointerCapture(event.pointerId);
    if (pointers.size === 2) {
      undo();
      const start = spread();
      gesture = { kind: "pinch", distance: start.distance, zoom: sight.zoom, place: sight.placeOf(start) };
    } else if (pointers.size === 1) {
      const place = sight.placeOf(event);
      const { pixel, box } = explorer.state, kind = kindOf(event, place);
      if (kind === "tool") explorer.hand?.begin(place);
      if (kind === "window") opened.take(event);
      gesture = { kind, moved: false, x: event.clientX, y: event.clientY, place, before: { pixel, box } };
    }
  });

  /** What a pointer begins. @param {PointerEvent} event @param {Place} place */
  function kindOf({ shiftKey, pointerType }, place) {
    if (shiftKey || drag() === "move") return "move";
    if (explorer.hand && explorer.state.tab === "touch") return contains(opened.region(), place) ? "tool" : "open";
    // A finger on an enlarged image moves it, as everywhere; at its whole size there is nothing to move.
    if (pointerType === "touch" && sight.zoom > 1) return "move";
    return pointerType === "mouse" && opened.isOnBorder(place) ? "window" : "box";
  }

  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") hover(event);
    const pointer = pointers.get(event.pointerId);
    if (!pointer || !gesture) return;
    pointer.x = event.clientX;
    pointer.y = event.clientY;
    if (gesture.kind === "pinch") {
      if (pointers.size < 2) return;
      const now = spread();
      sight.zoomAt((gesture.zoom * now.distance) / gesture.distance, now, gesture.place);
      return;
    }
    if (gesture.kind === "open") return;
    if (gesture.kind === "tool") {
      explorer.hand?.move(sight.placeOf(event));
      return;
    }
    if (!gesture.moved) {
      const slop = event.pointerType === "touch" ? 10 : 3;
      if (Math.hypot(event.clientX - gesture.x, event.clientY - gesture.y) <= slop) return;
      gesture.moved = true;
    }
    if (gesture.kind === "window") opened.move(event);
    else if (gesture.kind === "move") sight.move(gesture.place, sight.placeOf(event));
    else {
      const box = boxBetween(sight.cellOf(gesture.place), sight.cellOf(sight.placeOf(event)));
      explorer.set({ box, pixel: [box[0] + (box[2] >> 1), box[1] + (box[3] >> 1)] }, { settled: false });
    }
  });

  canvas.addEventListener("pointerup", (event) => {
    if (!pointers.delete(event.pointerId) || !gesture) return;
    if (gesture.kind === "pinch") {
      if (!pointers.size) gesture = null;
      return;
    }
    if (gesture.kind === "tool") explorer.hand?.end();
    else if (gesture.kind === "open") openAround(sight.cellOf(gesture.place));
    else if (!gesture.moved) press(sight.cellOf(gesture.place));
    else if (gesture.kind === "window") opened.drop();
    else if (gesture.kind === "box") ask({ pixel: explorer.state.pixel, box: explorer.state.box });
    gesture = null;
  });

  /** @param {Place} pixel */
  function press(pixel) {
    const isAlike = seeksAlike(explorer.state) && contains(opened.region(), pixel);
    if (isAlike) explorer.set({ alike: pixel });
    else ask({ pixel, box: null });
  }

  /** Why this pixel, or this box; outside the opened window, the part around it is opened. @param {Pick<ViewState, "pixel" | "box">} place */
  function ask(place) {
    const { pixel, box } = place, region = opened.region();
    const [top, left, height, width] = box ?? [...(pixel ?? [0, 0]), 1, 1];
    const isOpened = contains(region, [top, left]) && contains(region, [top + height - 1, left + width - 1]);
    explorer.set(isOpened || !pixel ? place : { ...place, window: opened.around(pixel) });
    explorer.open("why");
  }

  /** Outside the window the image is not changed: its mask would be the original's. @param {Place} pixel */
  function openAround(pixel) {
    explorer.set({ window: opened.around(pixel), answer: "The part around it is opened: now it can be changed here." });
  }

  canvas.addEventListener("pointercancel", (event) => {
    pointers.delete(event.pointerId);
    undo();
    gesture = null;
  });

  /** The page scrolled after all, or a second finger came: what the first one began is taken back. */
  function undo() {
    if (gesture?.kind === "box" && gesture.moved) explorer.set(gesture.before);
    if (gesture?.kind === "window") opened.putBack();
    if (gesture?.kind === "tool") explorer.hand?.cancel();
  }

  // Two fingers are for the image, not for the page.
  canvas.addEventListener("touchmove", (event) => {
    if (event.touches.length > 1 && event.cancelable) event.preventDefault();
  }, { passive: false });

  /** @param {PointerEvent} event */
  function hover(event) {
    const place = sight.placeOf(event), { height, width } = explorer.image;
    if (!gesture) canvas.style.cursor = opened.isOnBorder(place) && drag() === "select" ? "move" : "";
    const cell = contains({ top: 0, left: 0, height, width }, place) ? sight.cellOf(place) : null;
    explorer.set({ hover: cell }, { settled: false });
  }

  canvas.addEventListener("pointerleave", () => explorer.set({ hover: null }, { settled: false }));

  // The wheel of a reader who scrolls past is the page's; who wants to zoom has said so, by a key or a click.
  canvas.addEventListener("wheel", (event) => {
    if (!event.deltaY) return;
    const byKey = event.ctrlKey || event.metaKey; // a trackpad's pinch comes as Ctrl and a wheel
    if (!byKey && !canvas.matches(":focus")) return sayHow();
    if (!byKey && event.deltaY > 0 && sight.zoom === 1) return; // nothing to zoom: the page scrolls
    event.preventDefault();
    const steps = event.deltaY * (event.deltaMode ? 16 : 1) * (event.ctrlKey ? 0.01 : 0.0025);
    sight.zoomAt(sight.zoom * Math.exp(-clamp(steps, -STRONGEST, STRONGEST)), event);
  }, { passive: false });

  /** Once: how the wheel zooms. */
  function sayHow() {
    if (hint.textContent) return;
    const key = navigator.platform.startsWith("Mac") ? "⌘" : "Ctrl";
    hint.textContent = `${key} + wheel zooms; after a click on the image the wheel alone.`;
    hint.hidden = false;
    setTimeout(() => { hint.hidden = true; }, HINT_TIME);
  }

  for (const button of zoomButtons) {
    const factor = { in: 2, out: 0.5 }[button.value] ?? 0;
    button.addEventListener("click", () => sight.zoomTo(sight.zoom * factor, [0.5, 0.5]));
  }

  return { isBusy: () => gesture !== null, forget() { opened.putBack(); gesture = null; pointers.clear(); } };
}
