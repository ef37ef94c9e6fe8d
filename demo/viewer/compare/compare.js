// Two networks side by side on the open image: both masks, where and how far they differ, and how good each is.
//
// Compared are the two whole networks without flip TTA; explorer.other is what the second says of the whole image.

import { checkbox, h } from "../lib/dom.js";
import { comparePredictions, comparisonTable } from "../lib/comparison.js";
import { differenceMap } from "../lib/difference.js";
import { maskFigure } from "./mask.js";
import { panelAnswer } from "../lib/answer.js";
import { plural } from "../lib/format.js";
import { shareOf } from "../lib/statistics.js";

/** @import { Explorer, OtherWeights, Update } from "../types.js" */
/** @import { Comparison } from "../lib/comparison.js" */

const COMPARE_FRAME = 8; // ms that drawing may take of a frame; where it takes longer it waits for a pause
const COMPARE_PAUSE = 150; // ms

/** @param {HTMLElement} host @param {Explorer} explorer @returns {Update} */
export function comparePanel(host, explorer) {
  const beside = h("select", {
    "data-testid": "weights-b", onchange: () => explorer.set({ other: beside.value || null }),
  });
  const own = checkbox("compare-own", () => { drawSoon(); });
  const ownWords = h("span"), ownLabel = h("label", {}, own, ownWords);
  const note = h("p", { class: "note", "data-testid": "compare-note" });
  const masks = [maskFigure("compare-first"), maskFigure("compare-second")];
  const difference = differenceMap(explorer, "compare", "probability of the second network minus the first");
  const table = comparisonTable("compare-result", ["first", "second", "difference"]);
  const result = h("div", { class: "compare-result" },
    h("div", { class: "compare-pictures" }, masks.map(({ figure }) => figure), difference.box), table.table);
  const answer = panelAnswer(explorer);

  host.append(
    h("label", { class: "compare-beside" }, h("span", {}, "Beside these weights"), beside),
    h("div", { class: "row" }, ownLabel, difference.over),
    note, result,
  );

  let offered = ""; // the weights that can be chosen
  /** @type {OtherWeights | null} */
  let drawn = null; // whose difference is drawn
  let sentence = "", cost = 0, timer = 0;

  function offer() {
    const { others } = explorer.network, key = JSON.stringify(others);
    if (key === offered) return;
    offered = key;
    beside.replaceChildren(h("option", { value: "" }, others.length ? "none" : "none: there are no others here"),
      ...others.map(({ name, label }) => h("option", { value: name }, label)));
  }

  /** What is compared, or why nothing is. */
  function noteWords() {
    const { state: { other, tta, cuts, random, epoch }, network, input } = explorer;
    if (!other) return "The mask and the probability of a second network, for the whole image.";
    if (explorer.otherError) return explorer.otherError;
    if (!explorer.other) return `What ${network.others.find(({ name }) => name === other)?.name ?? other} says is computed…`;
    const isOther = tta || cuts.length > 0 || random || epoch !== null || input; // than what the image shows
    const where = input ? " on the original image" : "";
    return isOther ? `Compared are the whole trained networks without flip TTA${where}, not what the image shows now.` : "";
  }

  function show() {
    const { other, state: { threshold } } = explorer;
    beside.value = explorer.state.other ?? "";
    note.textContent = noteWords();
    note.hidden = !note.textContent;
    result.hidden = ownLabel.hidden = !other;
    if (other) ownWords.textContent = `The second at its own threshold, ${other.threshold.toFixed(2)}`;
    own.disabled = other?.threshold === threshold;
    ownLabel.title = own.disabled ? "This is its own threshold" : "";
    if (other) return;
    drawn = null;
    if (explorer.state.other && !explorer.otherError) difference.stepAside();
    else difference.drop();
  }

  function draw() {
    clearTimeout(timer);
    const { original: image, other, palette, weights, state: { threshold } } = explorer;
    if (!other || host.hidden) return; // it may have been closed while a hand rested
    const start = performance.now();
    const predictions = [
      { probability: image.probability, threshold },
      { probability: other.probability, threshold: own.checked ? other.threshold : threshold },
    ];
    const comparison = comparePredictions(predictions[0], predictions[1], image);
    [weights, other.name].forEach((name, i) => {
      masks[i].show(image, predictions[i], palette, `${["First", "Second"][i]}: ${name}`, comparison.areas[i]);
    });
    table.show(comparison, words(comparison));
    if (drawn !== other) {
      drawn = other;
      const { height, width } = image;
      difference.show(image.probability, other.probability, { top: 0, left: 0, height, width });
    }
    const [first, second] = comparison.alone.map((count) => plural(count, "pixel"));
    difference.describe(`Salt only for the first: ${first}; only for the second: ${second}.`);
    sentence = answerWords(comparison, other);
    answer.give(question(), sentence);
    cost = performance.now() - start;
  }

  /** While a hand moves the threshold, a large image waits until it rests. */
  function drawSoon() {
    clearTimeout(timer);
    if (cost <= COMPARE_FRAME) draw();
    else timer = setTimeout(draw, COMPARE_PAUSE);
  }

  const question = () => (explorer.state.other ? `${explorer.state.other} ${own.checked}` : "");

  /** How much of the section the two masks share: all of it only where no pixel differs. @param {Comparison} comparison */
  function agreement({ alone: [first, second] }) {
    const differing = 100 * shareOf(first + second, explorer.original.section);
    return `${(differing > 0 ? Math.min(99.9, 100 - differing) : 100).toFixed(1)} %`;
  }

  /** @param {Comparison} comparison */
  const words = (comparison) =>
    `The masks agree on ${agreement(comparison)} of the pixels; IoU of the two ${comparison.overlap.toFixed(2)}`;

  /** @param {Comparison} comparison @param {OtherWeights} other */
  function answerWords(comparison, { name, threshold }) {
    const [first, second] = comparison.areas.map((area) => `${(100 * area).toFixed(1)} %`);
    const at = own.checked ? ` at its threshold ${threshold.toFixed(2)}` : "";
    return `${explorer.weights} calls ${first} salt, ${name} ${second}${at}; they agree on ${agreement(comparison)} of the pixels.`;
  }

  return function update(has) {
    difference.follow();
    if (has("image")) offer();
    const isNew = has("image", "other", "otherWeights");
    if (isNew || has("threshold", "tta", "cuts", "random", "epoch", "input")) show();
    const isSeen = !host.hidden && explorer.other;
    if (!isSeen && (isNew || has("threshold"))) sentence = "";
    if (isSeen && (isNew || has("tab"))) draw();
    else if (isSeen && has("threshold")) drawSoon();
    if (isNew || has("answer", "threshold")) answer.give(question(), sentence);
  };
}
