// A small image for every combination of skips: its salt at the threshold, and how good that is.

import { h, setCurrent } from "../lib/dom.js";
import { crop } from "../lib/region.js";
import { groundOfWindow } from "../lib/comparison.js";
import { iou, shareOf } from "../lib/statistics.js";
import { saltShades } from "../lib/tint.js";

/** @import { CutTable, Explorer } from "../types.js" */
/** @typedef {NonNullable<ReturnType<typeof windowGround>>} Ground */

const CELLS_FRAME = 8; // ms the thumbnails may take of a frame; when they take longer they wait for a pause
const CELLS_PAUSE = 150; // ms

/**
 * The opened window as the thumbnails need it.
 * @param {Explorer} explorer
 */
function windowGround({ image, window, palette }) {
  const ground = groundOfWindow({ image, window });
  const truth = ground.truth && ground.truth.map((value) => (value ? 1 : 0));
  return {
    image, window, truth, section: ground.section,
    grey: crop(image.grey, image, window),
    salt: truth ? truth.reduce((sum, value) => sum + value, 0) : 0,
    ...saltShades(palette),
    bitmap: new ImageData(window.width, window.height),
  };
}

/**
 * @param {Explorer} explorer
 * @param {() => CutTable | null} ready
 */
export function cutCombinations(explorer, ready) {
  const heading = h("p", { class: "cut-heading" });
  const grid = h("div", { class: "cut-grid", role: "group", "data-testid": "cut-grid" });
  /** @type {ReturnType<typeof makeCell>[]} */
  let cells = [];
  let bottleneck = 0; // its bit in an index, 0 without one
  /** @type {Ground | null} */
  let ground = null;
  let open = false, visible = false, dirty = false, timer = 0;
  let costs = [0, 0]; // ms the thumbnails took the last two times: one slow frame may be another program's

  // Thumbnails out of sight take nothing of a frame: they are painted when they come into sight or the hand rests.
  new IntersectionObserver((entries) => {
    visible = Boolean(entries.at(-1)?.isIntersecting);
    if (visible && dirty) paint();
  }).observe(grid);

  /** For another network. */
  function build() {
    const { parts } = explorer.network;
    const skips = parts.map((name, bit) => ({ name, bit })).filter(({ name }) => name !== "bottleneck");
    bottleneck = parts.includes("bottleneck") ? 1 << parts.indexOf("bottleneck") : 0;
    ground = null;
    cells = Array.from({ length: 1 << skips.length }, (_, number) => makeCell(number, skips));
    grid.replaceChildren(...cells.map((cell) => cell.button));
  }

  /** @param {number} number @param {{ name: string, bit: number }[]} skips bit i of the number: skip i is cut */
  function makeCell(number, skips) {
    const isCut = (/** @type {number} */ position) => Boolean(number & (1 << position));
    const gone = skips.filter((_, position) => isCut(position));
    const index = gone.reduce((sum, skip) => sum | (1 << skip.bit), 0);
    const canvas = h("canvas", { "aria-hidden": "true" });
    const marks = skips.map((_, position) =>
      h("span", { class: `cut-mark${isCut(position) ? " gone" : ""}` }, isCut(position) ? "✕" : position + 1));
    // It stays in memory, where it is written.
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
    const words = h("span", { class: "cut-words" }); // for those who do not see the marks
    const salt = h("span", { class: "cut-salt" });
    const button = h("button", {
      class: "cut-cell", "data-testid": `cut-cell-${number}`, onclick: () => choose(index),
    }, canvas, h("span", { class: "cut-marks", "aria-hidden": "true" }, ...marks), words, salt);
    return { index, names: gone.map((skip) => skip.name), button, canvas, context, words, salt };
  }

  /** The bottleneck stays as it is. @param {number} index */
  function choose(index) {
    const wanted = index | (explorer.cutIndex() & bottleneck);
    explorer.set({ cuts: explorer.network.parts.filter((_, bit) => wanted & (1 << bit)) });
  }

  /** The window of now. */
  function currentGround() {
    const { image, window } = explorer;
    if (ground?.image === image && ground.window === window) return ground;
    for (const { canvas } of cells) Object.assign(canvas, { width: window.width, height: window.height });
    return ground = windowGround(explorer);
  }

  /** One pass colours and counts each cell; the rule is Python's: salt is what lies above, in float32. */
  function paint() {
    clearTimeout(timer);
    dirty = false;
    const start = performance.now();
    const known = ready();
    const limit = Math.fround(explorer.state.threshold);
    const { grey, truth, plain, tinted, bitmap, section, salt: saltPixels } = currentGround();
    const target = new Uint32Array(bitmap.data.buffer);
    const below = explorer.cutIndex() & bottleneck;
    for (const { index, button, context, salt } of cells) {
      let count = 0, hits = 0;
      if (known) {
        const probability = known.probability(index | below);
        for (let i = 0; i < target.length; i++) {
          if (probability[i] > limit) {
            count++;
            if (truth) hits += truth[i];
            target[i] = tinted[grey[i]];
          } else target[i] = plain[grey[i]];
        }
      } else for (let i = 0; i < target.length; i++) target[i] = plain[grey[i]];
      context.putImageData(bitmap, 0, 0);
      const share = known ? `salt ${(100 * shareOf(count, section)).toFixed(1)} %` : "salt …";
      const score = known && truth ? `IoU ${iou({ tp: hits, fp: count - hits, fn: saltPixels - hits }).toFixed(2)}` : "";
      if (salt.textContent !== share) salt.textContent = share;
      if (button.title !== score) button.title = score;
    }
    costs = [costs[1], performance.now() - start];
  }

  /**
   * In a closed panel nothing is painted; it is brought up to date when it opens.
   * @param {boolean} isOpen
   * @param {boolean} changed
   */
  function follow(isOpen, changed) {
    const opens = isOpen && !open;
    open = isOpen;
    dirty ||= changed;
    if (!dirty || !(changed || opens)) return;
    clearTimeout(timer);
    if (!open) return;
    if (opens || (visible && Math.min(...costs) <= CELLS_FRAME)) paint();
    else timer = setTimeout(paint, CELLS_PAUSE);
  }

  /** Which one is current, and what is cut in each. */
  function label() {
    const current = explorer.cutIndex(), below = current & bottleneck;
    for (const { index, names, button, words } of cells) {
      const cut = [...names, ...(below ? ["bottleneck"] : [])];
      words.textContent = cut.length ? `${cut.join(", ")} cut` : "nothing cut";
      setCurrent(button, (index | below) === current);
    }
    heading.textContent = `All combinations of skips, with the bottleneck${below ? " cut" : ""}`;
    grid.setAttribute("aria-label", heading.textContent);
  }

  return { parts: [heading, grid], build, label, follow, currentGround };
}
