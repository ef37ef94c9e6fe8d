// The chosen cut against the whole network: numbers, and where the probability changed.

import { conditionWords } from "../lib/answer.js";
import { comparePredictions, comparisonTable } from "../lib/comparison.js";
import { differenceMap } from "../lib/difference.js";
import { plural, writtenChange } from "../lib/format.js";
import { h } from "../lib/dom.js";
import { isWhole, partWords } from "../lib/region.js";

/** @import { CutTable, Explorer } from "../types.js" */
/** @import { Comparison } from "../lib/comparison.js" */
/** @import { Ground } from "./combinations.js" */

/** @param {Explorer} explorer @param {() => CutTable | null} ready */
export function cutResult(explorer, ready) {
  const { table, show } = comparisonTable("cut-result", ["whole", "cut", "change"]);
  const difference = differenceMap(explorer, "cut", "probability with the cut minus without");
  const box = h("div", { class: "compared", hidden: true }, table, difference.box);

  /** What is cut now, as soon as it is known: two probabilities of the opened window. */
  function compared() {
    const index = explorer.cutIndex(), known = index ? ready() : null;
    return known && { whole: known.probability(0), cut: known.probability(index) };
  }

  const gone = () => explorer.network.parts.filter((name) => explorer.state.cuts.includes(name));

  function cutWords() {
    const { state: { fill }, image, window } = explorer, names = gone();
    const instead = { zero: "zero", mean: "the mean of each channel" }[fill] ?? `what ${fill} has`;
    return `${names.join(", ")} cut, ${instead} in ${names.length > 1 ? "their" : "its"} place`
      + partWords(image, window) + conditionWords(explorer);
  }

  /** @param {Comparison} comparison */
  function answer({ areas }) {
    const [whole, cut] = areas.map((area) => (100 * area).toFixed(1));
    const what = `Without ${gone().join(", ")}${conditionWords(explorer)}`;
    const where = isWhole(explorer.image, explorer.window) ? "" : " in the opened part";
    if (whole === cut) return `${what}: salt stays ${whole} %${where}.`;
    const points = writtenChange(100 * areas[0], 100 * areas[1], 1), direction = points < 0 ? "less" : "more";
    return `${what}: salt ${cut} % instead of ${whole} %${where}, ${Math.abs(points).toFixed(1)} points ${direction}.`;
  }

  return {
    box, over: difference.over, follow: difference.follow,
    /** What does not depend on the threshold. */
    draw() {
      const pair = compared();
      box.hidden = !pair;
      if (pair) difference.show(pair.whole, pair.cut, explorer.window);
      else if (explorer.cutIndex()) difference.stepAside();
      else difference.drop();
    },
    /**
     * What does.
     * @param {Ground} ground
     * @returns the result in one sentence; empty while nothing is cut, or not known yet
     */
    report(ground) {
      const pair = compared();
      if (!pair) return "";
      const { threshold } = explorer.state;
      const [whole, cut] = [pair.whole, pair.cut].map((probability) => ({ probability, threshold }));
      const comparison = comparePredictions(whole, cut, ground);
      const [lost, gained] = comparison.alone.map((count) => plural(count, "pixel"));
      show(comparison, cutWords());
      difference.describe(`Salt no more: ${lost}; salt now: ${gained}.`);
      return answer(comparison);
    },
  };
}
