// The chosen cut against the whole network: numbers, and where the probability changed.

import { confusion, iou, largestOf, meanOf, shareOf } from "../lib/statistics.js";
import { checkbox, h } from "../lib/dom.js";
import { overlayOf } from "../lib/overlay.js";
import { paintTransparent, paintValues, paletteRamp } from "../lib/color.js";
import { partWords } from "../lib/region.js";
import { plural, signed } from "../lib/format.js";

/** @import { CutTable, Explorer } from "../types.js" */
/** @import { Ground } from "./combinations.js" */

const SCALES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

/** @param {Explorer} explorer @param {() => CutTable | null} ready */
export function cutResult(explorer, ready) {
  const difference = h("canvas", { class: "cut-difference", role: "img", "data-testid": "cut-difference" });
  const transparent = h("canvas"); // the same difference, to be laid over the image
  const overlay = overlayOf(explorer, "cuts");
  const caption = h("caption"), rows = h("tbody"), words = h("p", { class: "note" });
  const table = h("table", { class: "cut-result", "data-testid": "cut-result" }, caption,
    h("thead", {}, h("tr", {}, h("td"), ...["whole", "cut", "change"].map((name) => h("th", { scope: "col" }, name)))),
    rows);
  const over = checkbox("cut-overlay", (checked) => (checked ? lay() : overlay.drop()));
  const overLabel = h("label", {}, over, h("span", {}, "Lay the difference over the image"));
  const invitation = h("p", { class: "note", "data-testid": "cut-invite" },
    "Cut a part above, or choose a combination below, to see what changes.");
  const legend = h("span", { class: "cut-legend" });
  const map = h("div", { class: "cut-map" }, difference, legend, words);

  const less = h("span"), more = h("span"); // what the ends of the colours stand for

  /** For other colours. */
  function build() { legend.replaceChildren(less, paletteRamp(explorer.palette.diverging), more); }

  /** @param {string} name @param {string[]} cells */
  const line = (name, ...cells) => h("tr", {}, h("th", { scope: "row" }, name), ...cells.map((text) => h("td", {}, text)));

  /** @param {Ground} ground */
  function report({ section, truth }) {
    const known = compared();
    table.hidden = !known;
    if (!known) return;
    const { threshold } = explorer.state;
    const whole = known.probability(0), cut = known.probability(explorer.cutIndex());
    const limit = Math.fround(threshold);
    const counts = { whole: 0, cut: 0, gained: 0, lost: 0 };
    let size = 0;
    for (let i = 0; i < whole.length; i++) {
      const was = whole[i] > limit, is = cut[i] > limit;
      if (was) counts.whole++;
      if (is) counts.cut++;
      if (is && !was) counts.gained++;
      if (was && !is) counts.lost++;
      size += Math.abs(cut[i] - whole[i]);
    }
    const areas = [counts.whole, counts.cut].map((count) => 100 * shareOf(count, section));
    const lines = [line("Salt area", `${areas[0].toFixed(1)} %`, `${areas[1].toFixed(1)} %`,
      `${signed(areas[1] - areas[0], 1)} points`)];
    if (truth) {
      const scores = [whole, cut].map((values) => iou(confusion(values, truth, threshold)));
      lines.push(line("IoU", scores[0].toFixed(2), scores[1].toFixed(2), signed(scores[1] - scores[0], 2)));
    }
    const means = [meanOf(whole), meanOf(cut)];
    lines.push(line("Mean probability", means[0].toFixed(3), means[1].toFixed(3), signed(means[1] - means[0], 3)));
    lines.push(line("Mean change of a pixel, up or down", "", "", (size / whole.length).toFixed(3)));
    rows.replaceChildren(...lines);
    caption.textContent = cutWords();
    words.textContent = `Probability with the cut minus without. Salt no more: ${plural(counts.lost, "pixel")}; `
      + `salt now: ${plural(counts.gained, "pixel")}.`;
    difference.setAttribute("aria-label", `Difference of probability. ${words.textContent}`);
  }

  function cutWords() {
    const { state: { cuts, fill, random }, network, image, window } = explorer;
    const gone = network.parts.filter((name) => cuts.includes(name));
    const instead = { zero: "zero", mean: "the mean of each channel" }[fill] ?? `what ${fill} has`;
    const what = `${gone.join(", ")} cut, ${instead} in ${gone.length > 1 ? "their" : "its"} place`;
    return what + partWords(image, window) + (random ? ", with random weights" : "");
  }

  /** All combinations, where one of them is cut: nothing is drawn of no difference. */
  const compared = () => (explorer.cutIndex() ? ready() : null);

  /** It does not depend on the threshold. */
  function drawDifference() {
    const known = compared(), isCut = explorer.cutIndex() > 0;
    map.hidden = !known;
    invitation.hidden = isCut;
    over.disabled = !known;
    overLabel.title = known ? "" : isCut ? "The difference is computed…" : "Nothing is cut, so there is no difference to lay";
    if (!isCut) overlay.drop();
    if (!known) return overlay.stepAside();
    const whole = known.probability(0);
    const change = known.probability(explorer.cutIndex()).map((value, i) => value - whole[i]);
    const largest = largestOf(change.map(Math.abs));
    const limit = SCALES.find((scale) => largest <= scale) ?? 1; // a small change would be white on a scale to 1
    less.textContent = `−${limit} less salt`;
    more.textContent = `+${limit} more salt`;
    paintValues(difference, change, known, explorer.palette, limit, true);
    paintTransparent(transparent, change, known, explorer.palette, limit);
    if (overlay.wanted()) lay();
  }

  function lay() {
    const label = "probability with the cut minus without";
    overlay.lay({ canvas: transparent, ...explorer.window, smooth: false, label });
  }

  function follow() { overlay.follow(); over.checked = overlay.wanted(); }

  return { parts: [invitation, overLabel, h("div", { class: "cut-now" }, table, map)], build, report, drawDifference, follow };
}
