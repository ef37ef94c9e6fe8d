import { svg } from "./dom.js";
import { averagePrecision, confusion, countAbove, iou, shareOf, thresholdCurves } from "./scores.js";

// The finding against the threshold: how much is salt, or with a truth how good that is.

const CURVES_MARKUP = `
  <h3></h3>
  <p class="values" data-testid="salt-curve-values"></p>
  <div class="plot"></div>
  <ul class="legend">
    <li class="iou"><span class="swatch"></span><span>IoU</span></li>
    <li class="score"><span class="swatch"></span><span>competition's score</span></li>
    <li class="area"><span class="swatch"></span><span>salt area</span></li>
    <li class="now"><span class="swatch"></span><span></span></li>
    <li class="card"><span class="swatch"></span><span></span></li>
    <li class="best"><span class="swatch"></span><span></span></li>
  </ul>
  <p class="note"></p>`;

const PLOT_HEIGHT = 200;
const PLOT_MARGIN = { top: 8, right: 14, bottom: 22, left: 44 };

export function curvesView(host, explorer) {
  host.innerHTML = CURVES_MARKUP;
  const find = (selector) => host.querySelector(selector);
  const grid = svg("g", { class: "grid" });
  const drawn = (tag, kind, names) =>
    Object.fromEntries(names.map((name) => [name, svg(tag, { class: `${kind} ${name}` })]));
  const lines = drawn("path", "curve", ["area", "score", "iou"]);
  const marks = drawn("line", "at", ["best", "card", "now"]);
  const plot = svg(
    "svg", { role: "img", height: PLOT_HEIGHT, "data-testid": "salt-curves" },
    grid, Object.values(lines), Object.values(marks),
  );
  find(".plot").append(plot);

  let curves = null;
  let top = 1; // the largest share of the vertical axis
  let width = 480;

  const x = (threshold) => PLOT_MARGIN.left + threshold * (width - PLOT_MARGIN.left - PLOT_MARGIN.right);
  const bottom = PLOT_HEIGHT - PLOT_MARGIN.bottom;
  const y = (share) => bottom - (share / top) * (bottom - PLOT_MARGIN.top);

  function compute() {
    const { truth, section } = explorer.image;
    curves = thresholdCurves(explorer.shown.probability, truth, section);
    const judged = curves.iou !== null;
    // Where little is salt, the axis ends above what there is: the curve would be lost at the bottom.
    top = judged ? 1 : [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find((share) => share >= curves.area[0]) ?? 1;
    find("h3").textContent = judged ? "How good it is at every threshold" : "How much is salt at every threshold";
    for (const name of ["iou", "score", "best"]) find(`li.${name}`).hidden = !judged;
    find("li.area").hidden = judged;
    marks.best.style.display = judged ? "" : "none";
    find("li.card span + span").textContent = `the card's, ${explorer.image.chosen.toFixed(2)}`;
    if (judged) {
      const highest = valuesAt(curves.best).iou.toFixed(2);
      find("li.best span + span").textContent = `best here (hindsight), ${curves.best.toFixed(2)}: IoU ${highest}`;
    }
    find(".note").textContent = judged
      ? "Flat: the threshold hardly matters. The best one is hindsight: a new image has no truth."
      : "Flat: the threshold hardly matters. How much is marked does not say whether it is right.";
  }

  function draw() {
    plot.setAttribute("viewBox", `0 0 ${width} ${PLOT_HEIGHT}`);
    plot.setAttribute("width", width);
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
    for (const [name, line] of Object.entries(lines)) {
      const shown = (name === "area") === inPercent;
      line.style.display = shown ? "" : "none";
      if (shown) line.setAttribute("d", pathOf(curves[name]));
    }
    place("card", explorer.image.chosen);
    if (curves.best !== null) place("best", curves.best);
  }

  function pathOf(values) {
    let path = "";
    for (let i = 0; i < values.length; i++) {
      path += `${i ? "L" : "M"}${x(curves.thresholds[i]).toFixed(1)} ${y(values[i]).toFixed(1)}`;
    }
    return path;
  }

  function place(name, threshold) {
    const line = marks[name], at = x(threshold).toFixed(1);
    line.setAttribute("x1", at);
    line.setAttribute("x2", at);
    line.setAttribute("y1", PLOT_MARGIN.top);
    line.setAttribute("y2", bottom);
  }

  // At one threshold; between hundredths, and at 0 and 1, it is counted.
  function valuesAt(threshold) {
    const i = Math.round(100 * threshold) - 1;
    if (curves.thresholds[i] === threshold) {
      return { area: curves.area[i], iou: curves.iou?.[i], score: curves.score?.[i] };
    }
    const { probability } = explorer.shown, { truth, section } = explorer.image;
    if (!truth) return { area: shareOf(countAbove(probability, threshold), section) };
    const counts = confusion(probability, truth, threshold);
    return { iou: iou(counts), score: averagePrecision(counts) };
  }

  function say() {
    const { threshold } = explorer.state;
    place("now", threshold);
    const now = valuesAt(threshold);
    let sentence = `At ${threshold.toFixed(2)}: `;
    if (curves.iou === null) {
      const part = explorer.image.margin ? "image without its margin" : "image";
      sentence += `${(100 * now.area).toFixed(1)} % of the ${part} is salt.`;
    }
    else sentence += `IoU ${now.iou.toFixed(2)}, competition's score ${now.score.toFixed(2)}.`;
    find(".values").textContent = sentence;
    find("li.now span + span").textContent = `now, ${threshold.toFixed(2)}`;
    const what = curves.iou === null ? "Salt area" : "IoU and the competition's score";
    const best = curves.iou === null ? "" : ` ${find("li.best").textContent.trim()}.`;
    plot.setAttribute("aria-label", `${what} against the threshold. ${sentence}${best}`);
  }

  // The range input of the image is the same for the keyboard.
  function follow(event, settled) {
    const box = plot.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * width;
    const share = (at - PLOT_MARGIN.left) / (width - PLOT_MARGIN.left - PLOT_MARGIN.right);
    explorer.set({ threshold: Math.round(100 * Math.max(0, Math.min(1, share))) / 100 }, { settled });
  }

  let before = null; // the threshold that comes back if the page is scrolled instead
  plot.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    plot.setPointerCapture(event.pointerId);
    before = explorer.state.threshold;
    follow(event, false);
  });
  plot.addEventListener("pointermove", (event) => { if (before !== null) follow(event, false); });
  plot.addEventListener("pointerup", (event) => {
    if (before !== null) follow(event, true);
    before = null;
  });
  plot.addEventListener("pointercancel", () => {
    if (before !== null) explorer.set({ threshold: before });
    before = null;
  });

  new ResizeObserver(([{ contentRect }]) => {
    if (!contentRect.width || contentRect.width === width) return;
    width = contentRect.width;
    if (!curves) return;
    draw();
    say();
  }).observe(find(".plot"));

  return function update(changed) {
    const fresh = changed.has("image") || changed.has("shown");
    if (fresh) {
      compute();
      draw();
    }
    if (fresh || changed.has("threshold")) say();
  };
}
