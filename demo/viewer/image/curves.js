// Area, or with a ground truth IoU and score, against the threshold.

import { averagePrecision, confusion, countAbove, iou, shareOf, thresholdCurves } from "../lib/statistics.js";
import { clamp } from "../lib/region.js";
import { draggable } from "../lib/gestures.js";
import { find, h, svg } from "../lib/dom.js";
import { MAP_OF_IMAGE } from "../lib/format.js";

/** @import { Explorer, Update } from "../types.js" */

const CURVES_MARKUP = `
  <div class="headline"><h3></h3><p class="values" data-testid="salt-curve-values"></p></div>
  <div class="plot"></div>
  <ul class="legend"></ul>
  <details class="note"><summary>How to read it</summary><p></p></details>`;
const CURVES = { iou: "IoU", score: "mAP", area: "salt area", now: "", card: "", best: "" };

const PLOT_HEIGHT = 112;
const PLOT_MARGIN = { top: 8, right: 14, bottom: 22, left: 44 };

/** @param {HTMLElement} host @param {Explorer} explorer @returns {Update} */
export function curvesPanel(host, explorer) {
  host.innerHTML = CURVES_MARKUP;
  find(host, ".legend", HTMLElement).append(...Object.entries(CURVES).map(([name, words]) =>
    h("li", { class: name, title: name === "score" && MAP_OF_IMAGE }, h("span", { class: "swatch" }), h("span", {}, words))));
  const element = (/** @type {string} */ selector) => find(host, selector, HTMLElement);
  const legend = (/** @type {string} */ name) => element(`li.${name} span + span`);
  const grid = svg("g", { class: "grid" });
  const curve = (/** @type {string} */ name) => svg("path", { class: `curve ${name}` });
  const lines = { area: curve("area"), score: curve("score"), iou: curve("iou") };
  const mark = (/** @type {string} */ name) => svg("line", { class: `at ${name}` });
  const marks = { best: mark("best"), card: mark("card"), now: mark("now") };
  const plot = svg(
    "svg", { role: "img", height: PLOT_HEIGHT, "data-testid": "salt-curves" },
    grid, Object.values(lines), Object.values(marks),
  );
  element(".plot").append(plot);

  /** @type {ReturnType<typeof thresholdCurves> | null} */
  let curves = null;
  let top = 1; // the largest share of the vertical axis
  let width = 480;

  const across = () => width - PLOT_MARGIN.left - PLOT_MARGIN.right;
  const x = (/** @type {number} */ threshold) => PLOT_MARGIN.left + threshold * across();
  const bottom = PLOT_HEIGHT - PLOT_MARGIN.bottom;
  const y = (/** @type {number} */ share) => bottom - (share / top) * (bottom - PLOT_MARGIN.top);

  function compute() {
    const { truth, section, chosen } = explorer.image;
    curves = thresholdCurves(explorer.shown.probability, truth, section);
    const scored = curves.iou !== null;
    // Where little is salt, the axis ends above what there is: the curve would be lost at the bottom.
    const least = curves.area[0];
    top = scored ? 1 : [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find((share) => share >= least) ?? 1;
    element("h3").textContent = scored ? "How good at every threshold" : "Salt at every threshold";
    for (const name of ["iou", "score", "best"]) element(`li.${name}`).hidden = !scored;
    element("li.area").hidden = scored;
    for (const [name, line] of Object.entries(lines)) line.style.display = (name === "area") === scored ? "none" : "";
    marks.best.style.display = scored ? "" : "none";
    legend("card").textContent = `the card's, ${chosen.toFixed(2)}`;
    if (curves.best !== null) {
      const highest = valuesAt(curves.best).iou?.toFixed(2);
      legend("best").textContent = `best here (hindsight), ${curves.best.toFixed(2)}: IoU ${highest}`;
    }
    element(".note p").textContent = scored
      ? "Flat: the threshold hardly matters. The best one is hindsight: a new image has no truth. "
        + "mAP is the share of the IoU thresholds 0.50 to 0.95 that the IoU exceeds."
      : "Flat: the threshold hardly matters. How much is marked does not say whether it is right.";
  }

  function draw() {
    if (!curves) return;
    plot.setAttribute("viewBox", `0 0 ${width} ${PLOT_HEIGHT}`);
    plot.setAttribute("width", String(width));
    const right = width - PLOT_MARGIN.right;
    const inPercent = curves.iou === null;
    grid.replaceChildren(
      ...[0, 0.25, 0.5, 0.75, 1].flatMap((share) => {
        const value = share * top;
        return [
          svg("line", { x1: PLOT_MARGIN.left, x2: right, y1: y(value), y2: y(value) }),
          svg("text", { x: PLOT_MARGIN.left - 6, y: y(value), "text-anchor": "end", "dominant-baseline": "central" },
            inPercent ? `${Number((100 * value).toFixed(2))} %` : value.toFixed(2)),
          svg("text", { x: x(share), y: PLOT_HEIGHT - 6, "text-anchor": "middle" }, share.toFixed(2)),
        ];
      }),
    );
    for (const name of /** @type {const} */ (["area", "score", "iou"])) {
      const values = curves[name];
      if (values) lines[name].setAttribute("d", pathOf(curves.thresholds, values));
    }
    place(marks.card, explorer.image.chosen);
    if (curves.best !== null) place(marks.best, curves.best);
  }

  /** @param {Float64Array} thresholds @param {Float64Array} values */
  function pathOf(thresholds, values) {
    let path = "";
    for (let i = 0; i < values.length; i++) {
      path += `${i ? "L" : "M"}${x(thresholds[i]).toFixed(1)} ${y(values[i]).toFixed(1)}`;
    }
    return path;
  }

  /** @param {SVGLineElement} line @param {number} threshold */
  function place(line, threshold) {
    const at = x(threshold).toFixed(1);
    for (const [name, value] of Object.entries({ x1: at, x2: at, y1: PLOT_MARGIN.top, y2: bottom })) {
      line.setAttribute(name, String(value));
    }
  }

  /**
   * At one threshold; between hundredths, and at 0 and 1, it is counted.
   * @param {number} threshold
   * @returns {{ area?: number, iou?: number, score?: number }}
   */
  function valuesAt(threshold) {
    const i = Math.round(100 * threshold) - 1;
    if (curves?.thresholds[i] === threshold) {
      return { area: curves.area[i], iou: curves.iou?.[i], score: curves.score?.[i] };
    }
    const { probability } = explorer.shown, { truth, section } = explorer.image;
    if (!truth) return { area: shareOf(countAbove(probability, threshold), section) };
    const counts = confusion(probability, truth, threshold);
    return { iou: iou(counts), score: averagePrecision(counts) };
  }

  function say() {
    const { threshold } = explorer.state;
    place(marks.now, threshold);
    const { area = 0, iou: overlap, score } = valuesAt(threshold);
    const scored = overlap !== undefined && score !== undefined;
    const part = explorer.image.margin ? "image without its margin" : "image";
    const found = scored
      ? `IoU ${overlap.toFixed(2)}, mAP ${score.toFixed(2)}.`
      : `${(100 * area).toFixed(1)} % of the ${part} is salt.`;
    const sentence = `At ${threshold.toFixed(2)}: ${found}`;
    element(".values").textContent = sentence;
    legend("now").textContent = `now, ${threshold.toFixed(2)}`;
    const what = scored ? "IoU and mAP" : "Salt area";
    const best = scored ? ` ${element("li.best").textContent?.trim()}.` : "";
    plot.setAttribute("aria-label", `${what} against the threshold. ${sentence}${best}`);
  }

  /** The slider of the image is the same for the keyboard. @param {PointerEvent} event @param {boolean} settled */
  function follow(event, settled) {
    const box = plot.getBoundingClientRect();
    const share = (((event.clientX - box.left) / box.width) * width - PLOT_MARGIN.left) / across();
    explorer.set({ threshold: Math.round(100 * clamp(share, 0, 1)) / 100 }, { settled });
  }

  let before = 0; // the threshold that comes back if the page is scrolled instead
  draggable(plot, {
    start: (event) => { before = explorer.state.threshold; follow(event, false); },
    move: (event) => follow(event, false),
    end: (event) => follow(event, true),
    cancel: () => explorer.set({ threshold: before }),
  });

  new ResizeObserver(([{ contentRect }]) => {
    if (!contentRect.width || contentRect.width === width) return;
    width = contentRect.width;
    if (!curves) return;
    draw();
    say();
  }).observe(element(".plot"));

  return function update(has) {
    const fresh = has("image", "shown");
    if (fresh) { compute(); draw(); }
    if (fresh || has("threshold")) say();
  };
}
