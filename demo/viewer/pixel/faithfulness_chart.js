// One curve by influence over the range of random ones: the probability against how much of the image has changed.

import { h, svg } from "../lib/dom.js";

/** @import { Held } from "./faithfulness_requests.js" */

const CURVES_SIZE = { width: 250, height: 136 };
const PLOTTED = { top: 8, right: 236, bottom: 106, left: 32 };
const TICK_SHARES = [0, 0.25, 0.5, 0.75, 1];

const shareX = (/** @type {number} */ share) => PLOTTED.left + share * (PLOTTED.right - PLOTTED.left);
const probabilityY = (/** @type {number} */ value) => PLOTTED.bottom - value * (PLOTTED.bottom - PLOTTED.top);

/** @param {ArrayLike<number>} shares @param {ArrayLike<number>} values */
const pointsOf = (shares, values) =>
  Array.from(values, (value, i) => `${shareX(shares[i]).toFixed(1)} ${probabilityY(value).toFixed(1)}`);

/**
 * @param {"deletion" | "insertion"} name
 * @param {string} title
 */
export function faithfulnessChart(name, title) {
  const band = svg("path", { class: "band" }), mean = svg("path", { class: "mean" });
  const own = svg("path", { class: "own" }), answer = svg("path", { class: "answer" });
  const grid = TICK_SHARES.flatMap((share) => {
    const y = probabilityY(share);
    return [
      svg("line", { x1: PLOTTED.left, x2: PLOTTED.right, y1: y, y2: y }),
      svg("text", { x: PLOTTED.left - 5, y, "text-anchor": "end", "dominant-baseline": "central" }, share.toFixed(2)),
      svg("text", { x: shareX(share), y: PLOTTED.bottom + 13, "text-anchor": "middle" }, String(100 * share)),
    ];
  });
  const words = name === "deletion" ? "% of the image blurred" : "% of the image sharp";
  const across = svg("text", { x: shareX(0.5), y: PLOTTED.bottom + 27, "text-anchor": "middle" }, words);
  const chart = svg("svg", { role: "img", viewBox: `0 0 ${CURVES_SIZE.width} ${CURVES_SIZE.height}` },
    svg("g", { class: "grid" }, grid, across), band, answer, mean, own);
  const figure = h("figure", {}, h("figcaption", {}, title), chart);

  /** @param {Held} held */
  function draw({ own: found, random }) {
    for (const path of [band, mean, own, answer]) path.removeAttribute("d");
    if (!found) return;
    const { shares } = found, values = found[name];
    own.setAttribute("d", `M${pointsOf(shares, values).join("L")}`);
    answer.setAttribute("d", `M${pointsOf([0, 1], [found.deletion[0], found.deletion[0]]).join("L")}`);
    const across = (/** @type {(values: number[]) => number} */ reduce) =>
      Array.from(shares, (_, i) => reduce(random.map((curves) => curves[name][i])));
    const lowest = across((all) => Math.min(...all)), highest = across((all) => Math.max(...all));
    const middle = across((all) => all.reduce((sum, value) => sum + value, 0) / all.length);
    if (random.length) {
      band.setAttribute("d", `M${[...pointsOf(shares, lowest), ...pointsOf(shares, highest).reverse()].join("L")}Z`);
      mean.setAttribute("d", `M${pointsOf(shares, middle).join("L")}`);
    }
    const told = [2, 3, 6].map((i) => {
      const control = random.length ? `, in random orders ${middle[i].toFixed(2)}` : "";
      return `at ${Math.round(100 * shares[i])} % ${values[i].toFixed(2)}${control}`;
    });
    chart.setAttribute("aria-label", `${title}. The probability, ${values[0].toFixed(2)} at first: ${told.join("; ")}.`);
  }

  return { figure, draw };
}
