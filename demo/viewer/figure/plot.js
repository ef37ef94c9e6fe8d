// Curves with their axes, for a figure.

import { label } from "./text.js";
import { svg } from "../lib/dom.js";

/** @import { Plot } from "./figure.js" */

const PLOT_TALL = 120;
const PLOT_EDGE = { top: 6, right: 8, bottom: 24, left: 34 };
const FIFTHS = [0, 0.2, 0.4, 0.6, 0.8, 1];

/** @param {number} value */
const plotNumber = (value) => String(Number(value.toPrecision(3)));

/**
 * @param {Plot} plot
 * @param {number} x
 * @param {number} y
 * @param {number} width
 */
export function drawPlot({ x: places, curves, across, down, top, from = 0, to = 1, marks = [] }, x, y, width) {
  const left = x + PLOT_EDGE.left, right = x + width - PLOT_EDGE.right;
  const head = y + PLOT_EDGE.top, foot = y + PLOT_TALL - PLOT_EDGE.bottom;
  const at = (/** @type {number} */ place) => left + ((place - from) / (to - from)) * (right - left);
  const high = (/** @type {number} */ value) => foot - (value / top) * (foot - head);
  const drawn = svg("g", { class: "plot" });
  for (const share of FIFTHS) {
    const place = from + share * (to - from), value = share * top;
    drawn.append(
      svg("path", { d: `M${left} ${high(value)}H${right}`, stroke: "#ccc", "stroke-width": 0.4 }),
      label(plotNumber(value), left - 4, high(value) + 2.4, { "text-anchor": "end" }),
      label(plotNumber(place), at(place), foot + 9, { "text-anchor": "middle" }),
    );
  }
  const middle = (head + foot) / 2, beside = x + 6;
  drawn.append(
    svg("path", { d: `M${left} ${head}V${foot}H${right}`, fill: "none", stroke: "black", "stroke-width": 0.6 }),
    label(across, (left + right) / 2, foot + 18, { "text-anchor": "middle" }),
    label(down, beside, middle, { "text-anchor": "middle", transform: `rotate(-90 ${beside} ${middle})` }),
  );
  for (const { at: place, dashed } of marks) {
    drawn.append(svg("path", {
      d: `M${at(place)} ${head}V${foot}`, stroke: "black", "stroke-width": 0.7, "stroke-dasharray": dashed ? "2.5 2" : null,
    }));
  }
  for (const { values, color, dashed } of curves) {
    const points = Array.from(values, (value, i) => `${at(places[i]).toFixed(2)} ${high(value).toFixed(2)}`);
    drawn.append(svg("path", {
      d: `M${points.join("L")}`, fill: "none", stroke: color, "stroke-width": 1.2, "stroke-dasharray": dashed ? "3 2" : null,
    }));
  }
  return { drawn, height: PLOT_TALL };
}
