// How much salt the network found after each epoch that is kept, and how good its mask was.

import { confusion, countAbove, iou, shareOf } from "../lib/statistics.js";
import { isWhole } from "../lib/region.js";
import { groundOfWindow } from "../lib/comparison.js";
import { draggable } from "../lib/gestures.js";
import { epochWords } from "../lib/format.js";
import { h, svg } from "../lib/dom.js";

/** @import { Explorer } from "../types.js" */
/** @typedef {{ area: number, iou: number, validation: number }} EpochScores of the window's mask; NaN where it is not known */

const HEIGHT = 90;
const MARGIN = { top: 6, right: 14, bottom: 20, left: 34 };
const LINES = /** @type {const} */ (["area", "validation", "iou"]);
const TITLES = { area: "salt", validation: "validation IoU", iou: "IoU with this image's truth" };
const LEAST_BETWEEN = 22; // CSS pixels from one epoch's number to the next

/** Of every snapshot and of the finished network; none while they are computed. @param {Explorer} explorer @returns {EpochScores[]} */
export function epochScores(explorer) {
  const { epochs, network, state: { threshold } } = explorer, { truth, section } = groundOfWindow(explorer);
  return !epochs ? [] : [...network.epochs, null].map((epoch) => {
    const probability = epochs.probability(epoch);
    return {
      area: shareOf(countAbove(probability, threshold), section),
      iou: truth ? iou(confusion(probability, truth, threshold)) : NaN,
      validation: epochs.validation(epoch),
    };
  });
}

/** @param {Explorer} explorer @param {(place: number) => void} choose */
export function epochCurves(explorer, choose) {
  const grid = svg("g", { class: "grid" }), now = svg("line", { class: "at now" });
  const lines = { area: svg("path"), validation: svg("path"), iou: svg("path") };
  for (const name of LINES) lines[name].setAttribute("class", `curve ${name}`);
  const plot = svg("svg", { role: "img", height: HEIGHT, "data-testid": "epoch-curves" }, grid, Object.values(lines), now);
  const entries = Object.fromEntries(LINES.map((name) =>
    [name, h("li", { class: name }, h("span", { class: "swatch" }), TITLES[name])]));
  const frame = h("div", { class: "plot" }, plot);
  const box = h("div", { class: "epoch-curves" }, frame, h("ul", { class: "legend" }, Object.values(entries)));

  /** @type {EpochScores[]} */
  let scores = []; // of each place of the slider; empty while they are computed
  let width = 480;

  const places = () => [...explorer.network.epochs, null];
  const last = () => explorer.network.epochs.length;
  const x = (/** @type {number} */ place) =>
    MARGIN.left + (place / last()) * (width - MARGIN.left - MARGIN.right);
  const y = (/** @type {number} */ share) => HEIGHT - MARGIN.bottom - share * (HEIGHT - MARGIN.bottom - MARGIN.top);

  /** What a line is drawn through: places whose value is known. @param {keyof EpochScores} name */
  const known = (name) => scores.flatMap(({ [name]: value }, place) => (Number.isNaN(value) ? [] : [[place, value]]));

  function draw() {
    scores = epochScores(explorer);
    box.setAttribute("aria-busy", String(!scores.length));
    plot.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    plot.setAttribute("width", String(width));
    const each = Math.ceil(LEAST_BETWEEN / (x(1) - x(0)));
    grid.replaceChildren(
      ...[0, 0.5, 1].flatMap((share) => [
        svg("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y(share), y2: y(share) }),
        svg("text", { x: MARGIN.left - 6, y: y(share), "text-anchor": "end", "dominant-baseline": "central" }, share.toFixed(1)),
      ]),
      ...places().flatMap((epoch, place) => ((last() - place) % each ? [] : [
        svg("text", { x: x(place), y: HEIGHT - 5, "text-anchor": "middle" }, String(epoch ?? explorer.network.learned))])),
    );
    for (const name of LINES) {
      const points = known(name);
      lines[name].setAttribute("d", points.map(([place, value], i) =>
        `${i ? "L" : "M"}${x(place).toFixed(1)} ${y(value).toFixed(1)}`).join(""));
      entries[name].hidden = !points.length;
    }
    mark();
  }

  function mark() {
    const place = places().indexOf(explorer.state.epoch);
    const ends = { x1: x(place), x2: x(place), y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom };
    for (const [name, value] of Object.entries(ends)) now.setAttribute(name, String(value));
    const { state: { epoch }, network: { learned } } = explorer;
    plot.setAttribute("aria-label", `Salt and IoU against the epoch. ${epochWords(epoch, learned)}: ${words()}`);
  }

  /** What is known of the chosen epoch; empty while it is computed. */
  function words() {
    const { image, window, state: { epoch, threshold, cuts } } = explorer, found = scores[places().indexOf(epoch)];
    if (!found) return "";
    const where = (isWhole(image, window) ? "" : " of the opened part") + (cuts.length ? ", nothing cut" : "");
    const overlap = Number.isNaN(found.iou) ? "" : `, IoU ${found.iou.toFixed(2)}`;
    const validation = Number.isNaN(found.validation) ? "" : `; validation IoU ${found.validation.toFixed(2)}`;
    return `salt ${(100 * found.area).toFixed(1)} % at threshold ${threshold.toFixed(2)}${where}${overlap}${validation}.`;
  }

  /** @param {PointerEvent} event */
  function follow(event) {
    const frame = plot.getBoundingClientRect(), at = ((event.clientX - frame.left) / frame.width) * width;
    const place = Math.round((last() * (at - MARGIN.left)) / (width - MARGIN.left - MARGIN.right));
    choose(Math.max(0, Math.min(last(), place)));
  }

  let before = 0; // the place that comes back if the page is scrolled instead
  draggable(plot, {
    start: (event) => { before = places().indexOf(explorer.state.epoch); follow(event); },
    move: follow, end: follow, cancel: () => choose(before),
  });
  new ResizeObserver(([{ contentRect }]) => {
    if (!contentRect.width || contentRect.width === width) return;
    width = contentRect.width;
    if (explorer.network.epochs.length) draw();
  }).observe(frame);

  return { box, draw, mark, words };
}
