// Curves with their axes, for a figure.

import { label } from "./text.js";
import { svg } from "../lib/dom.js";

/** @import { Plot } from "./figure.js" */

export const PLOT_TALL = 120;
const PLOT_EDGE = { top: 14, right: 10, bottom: 24, left: 34 };
const PLOT_LINES = 5; // from one end of the vertical axis to the other

/** @param {number} value */
const plotNumber = (value) => String(Number(value.toPrecision(3))).replace("-", "−");

/** Ticks at even distances. @param {number} from @param {number} to */
export const evenTicks = (from, to, count = 5) => Array.from({ length: count + 1 }, (_, i) => {
  const at = from + (i * (to - from)) / count;
  return { at, label: plotNumber(at) };
});

/**
 * @param {Plot} plot
 * @param {number} x
 * @param {number} y
 * @param {number} width
 */
export function drawPlot({ title = "", x: places, curves, across, down, low = 0, top, ticks, marks = [] }, x, y, width) {
  const left = x + PLOT_EDGE.left, right = x + width - PLOT_EDGE.right;
  const head = y + PLOT_EDGE.top, foot = y + PLOT_TALL - PLOT_EDGE.bottom;
  const [from, to] = [ticks[0].at, ticks[ticks.length - 1].at];
  const at = (/** @type {number} */ place) => left + ((place - from) / (to - from || 1)) * (right - left);
  const high = (/** @type {number} */ value) => foot - ((value - low) / (top - low)) * (foot - head);
  const drawn = svg("g", { class: "plot" });
  for (const { at: value, label: words } of evenTicks(low, top, PLOT_LINES)) {
    drawn.append(
      svg("path", { d: `M${left} ${high(value)}H${right}`, stroke: "#ccc", "stroke-width": 0.4 }),
      label(words, left - 4, high(value) + 2.4, { "text-anchor": "end" }),
    );
  }
  for (const tick of ticks) {
    drawn.append(
      svg("path", { d: `M${at(tick.at)} ${foot}v2.5`, stroke: "black", "stroke-width": 0.5 }),
      label(tick.label, at(tick.at), foot + 9, { "text-anchor": "middle" }),
    );
  }
  const middle = (head + foot) / 2, beside = x + 6;
  drawn.append(
    svg("path", { d: `M${left} ${head}V${foot}H${right}`, fill: "none", stroke: "black", "stroke-width": 0.6 }),
    label(across, (left + right) / 2, foot + 18, { "text-anchor": "middle" }),
    label(down, beside, middle, { "text-anchor": "middle", transform: `rotate(-90 ${beside} ${middle})` }),
    label(title, left, y + 8, { class: "title" }),
  );
  for (const { at: place, dashed } of marks) {
    drawn.append(svg("path", {
      d: `M${at(place)} ${head}V${foot}`, stroke: "black", "stroke-width": 0.7, "stroke-dasharray": dashed ? "2.5 2" : null,
    }));
  }
  for (const { values, color, dashed } of curves) {
    const every = Array.from(values, (value, i) => ({ value, place: places[i] }));
    const points = every.filter(({ value }) => Number.isFinite(value)).map(({ value, place }) => `${at(place).toFixed(2)} ${high(value).toFixed(2)}`);
    if (!points.length) continue;
    drawn.append(svg("path", {
      d: `M${points.join("L")}`, fill: "none", stroke: color, "stroke-width": 1.2, "stroke-dasharray": dashed ? "3 2" : null,
    }));
  }
  return drawn;
}
