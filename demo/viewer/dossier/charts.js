// How a channel responds as the input changes: three small charts on one scale.

import { fixed, significant } from "../lib/format.js";
import { svg } from "../lib/dom.js";

/** @import { DossierBasis, DossierFound, ResponseCurve } from "../types.js" */

const CHART_SIZE = { width: 160, height: 104 };
const CHART_EDGE = { top: 18, right: 8, bottom: 18, left: 30 };

/**
 * What a chart is of: its title, the amount that changes nothing, the amounts that are written below it, how one is
 * written, and where it lies on the axis.
 * @typedef {{ title: string, same: number, ticks: number[], words: (amount: number) => string,
 *   place: (amount: number) => number }} Kind
 */
/** @type {Record<"gain" | "shift" | "rotation", Kind>} */
const CHARTS = {
  gain: { title: "Gain", same: 1, ticks: [0.5, 1, 2], words: (amount) => `× ${amount}`, place: Math.log2 },
  shift: { title: "Shift", same: 0, ticks: [0, 4, 8], words: (amount) => `${amount} px`, place: Number },
  rotation: { title: "Rotation", same: 0, ticks: [0, 45, 90], words: (amount) => `${amount}°`, place: Number },
};

/**
 * Gain, shift and rotation, each with the correlation with the unchanged map and the mean activation.
 * @param {DossierFound} found
 * @param {DossierBasis} basis
 */
export function dossierCharts({ gain, shift, rotation }, { gains, shifts, angles }) {
  const curves = [gain, shift, rotation].flatMap(({ activation, correlation }) => [...activation, ...correlation]);
  const known = curves.filter((value) => value !== null);
  const scale = { low: Math.min(0, ...known), high: Math.max(1, ...known) };
  return [
    responseChart(CHARTS.gain, gains, gain, scale), responseChart(CHARTS.shift, shifts, shift, scale),
    responseChart(CHARTS.rotation, angles, rotation, scale),
  ];
}

/**
 * @param {Kind} kind
 * @param {number[]} amounts
 * @param {ResponseCurve} curve
 * @param {{ low: number, high: number }} scale of all three
 */
function responseChart(kind, amounts, { activation, correlation }, { low, high }) {
  const points = amounts.map((amount, i) => ({ amount, activation: activation[i], correlation: correlation[i] }));
  const one = activation.some((value) => value !== null) ? 1 : null; // by definition, where it responds at all
  points.push({ amount: kind.same, activation: one, correlation: one });
  points.sort((one, other) => one.amount - other.amount);
  const first = kind.place(points[0].amount), last = kind.place(points[points.length - 1].amount);
  const { top, left } = CHART_EDGE, right = CHART_SIZE.width - CHART_EDGE.right;
  const bottom = CHART_SIZE.height - CHART_EDGE.bottom;
  const x = (/** @type {number} */ amount) => left + ((kind.place(amount) - first) / (last - first)) * (right - left);
  const y = (/** @type {number} */ value) => top + ((high - value) / (high - low)) * (bottom - top);

  /** @param {"activation" | "correlation"} name */
  function line(name) {
    let path = "", isPen = false; // lifted where there is no value
    for (const { amount, [name]: value } of points) {
      if (value !== null) path += `${isPen ? "L" : "M"}${x(amount).toFixed(1)} ${y(value).toFixed(1)}`;
      isPen = value !== null;
    }
    return svg("path", { class: `curve ${name}`, d: path });
  }

  const levels = [0, 1, ...(high > 1.5 ? [high] : []), ...(low < -0.3 ? [low] : [])];
  const ticks = kind.ticks.filter((tick) => tick >= points[0].amount && tick <= points[points.length - 1].amount);
  const anchor = (/** @type {number} */ i) => (i === 0 ? "start" : i === ticks.length - 1 ? "end" : "middle");
  const said = points.map(({ amount, activation: mean, correlation: same }) =>
    `${kind.words(amount)}: correlation ${significant(same ?? NaN, 2)}, mean activation ${significant(mean ?? NaN, 2)}`);
  return svg(
    "svg", {
      ...CHART_SIZE, role: "img", "aria-label": `${kind.title}. ${said.join("; ")}`,
      "data-testid": `dossier-${kind.title.toLowerCase()}`,
    },
    svg("text", { class: "title", x: left, y: 11 }, kind.title),
    levels.flatMap((level) => [
      svg("line", { class: "level", x1: left, x2: right, y1: y(level), y2: y(level) }),
      svg("text", { x: left - 5, y: y(level), "text-anchor": "end", "dominant-baseline": "central" },
        fixed(level, Number.isInteger(level) ? 0 : 1)),
    ]),
    ticks.map((tick, i) => svg("text", { x: x(tick), y: CHART_SIZE.height - 4, "text-anchor": anchor(i) }, kind.words(tick))),
    line("activation"), line("correlation"),
  );
}
