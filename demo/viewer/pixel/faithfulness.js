// Does it hold?  The image goes in the order of the influence, and comes back in it, against random orders.

import { RANDOM_ORDERS, faithfulnessRequests } from "./faithfulness_requests.js";
import { faithfulnessChart } from "./faithfulness_chart.js";
import { h } from "../lib/dom.js";

/** @import { Explorer, Faithfulness } from "../types.js" */
/** @import { PixelPlace } from "./requests.js" */
/** @import { Held } from "./faithfulness_requests.js" */

const EARLY = 0.1; // of the image, for the sentence
const UNMOVED = 0.005; // an answer that moves less never reads otherwise

/** @param {Faithfulness} curves */
function atShare({ shares, deletion }) {
  const at = shares.findIndex((share) => share > EARLY - 0.001);
  return deletion[at];
}

/** In how many random orders the one by influence is better. @param {Held} held */
function countBetter({ own, random }) {
  const better = (/** @type {(curves: Faithfulness) => boolean} */ isWorse) => random.filter(isWorse).length;
  return {
    deletion: better((other) => other.deletion_area < (own?.deletion_area ?? 0)),
    insertion: better((other) => other.insertion_area > (own?.insertion_area ?? 1)),
  };
}

/** @param {Held} held */
function isStill({ own, random }) {
  return [own, ...random].every((curves) => !curves || Math.max(curves.deletion_area, curves.insertion_area) < UNMOVED);
}

/** What both curves say of all random orders; nothing before they are all there. @param {Held} held */
export function faithfulnessWords(held) {
  if (!held.own || held.random.length < RANDOM_ORDERS) return "";
  if (isStill(held)) return `Nothing to compare: the probability stays ${held.own.deletion[0].toFixed(2)} whatever is blurred.`;
  const { deletion, insertion } = countBetter(held);
  const won = [deletion, insertion].filter((count) => count === RANDOM_ORDERS).length;
  const verdict = ["does not hold here", "holds in one of two ways here", "holds here"][won];
  return `The explanation ${verdict}: the order by influence beats random orders in ${deletion} of ${RANDOM_ORDERS} tries `
    + `by deletion, in ${insertion} of ${RANDOM_ORDERS} by insertion.`;
}

/** What becomes of the answer early. @param {Held} held */
function earlyWords({ own, random }) {
  if (!own) return "";
  const [before, after] = [own.deletion[0], atShare(own)].map((value) => value.toFixed(2));
  const share = `${100 * EARLY} %`;
  const found = before === after ? `leaves the probability at ${after}` : `takes the probability from ${before} to ${after}`;
  const others = random.map(atShare);
  const mean = others.reduce((sum, value) => sum + value, 0) / others.length;
  const range = [Math.min(...others), Math.max(...others)].map((value) => value.toFixed(2)).join(" to ");
  const control = others.length ? `; a random ${share}: ${mean.toFixed(2)} on average, ${range}` : "";
  return `Blurring the most influential ${share} ${found}${control}.`;
}

/**
 * @param {Explorer} explorer
 * @param {() => void} changed called when it is opened, closed, or knows more
 */
export function pixelFaithfulness(explorer, changed) {
  const button = h("button", { "data-testid": "faithfulness", "aria-pressed": "false", onclick: toggle }, "Does it hold?");
  const verdict = h("b"), early = h("span");
  const sentence = h("p", { class: "faithfulness-sentence", "data-testid": "faithfulness-sentence" }, verdict, " ", early);
  const problem = h("p", { class: "why-problem", role: "alert" });
  const again = h("button", { "data-testid": "faithfulness-again", onclick: () => requests.retry() }, "Ask again");
  const pending = h("span");
  const progress = h("progress", { max: RANDOM_ORDERS + 1, "aria-label": "Orders" });
  const charts = [
    faithfulnessChart("deletion", "Deletion: blurred, the most influential first"),
    faithfulnessChart("insertion", "Insertion: sharp again, the most influential first"),
  ];
  const entry = (/** @type {string} */ name, /** @type {string} */ words) =>
    h("li", { class: name }, h("span", { class: "swatch" }), words);
  const legend = h("ul", { class: "faithfulness-legend note" }, entry("own", "by influence"),
    entry("band", `${RANDOM_ORDERS} random orders, lowest to highest`), entry("mean", "their mean"), entry("answer", "the answer"));
  const box = h("div", { class: "faithfulness", hidden: true }, sentence, problem, again,
    h("div", { class: "faithfulness-charts", "data-testid": "faithfulness-chart" }, charts.map(({ figure }) => figure)),
    legend, h("div", { class: "row note" }, pending, progress),
    h("details", { class: "note" }, h("summary", {}, "How this is measured"), h("p", {},
      "The opened part is cut into squares of 8 × 8 pixels. Deletion blurs them one after the other (a Gaussian of 8 pixels), "
      + "those with the largest mean influence first; insertion begins with all blurred and puts them back in the same "
      + "order. If the influence is right, deletion soon moves the answer and insertion soon brings it back: better is a "
      + "larger mean distance from the answer in the one, a smaller one in the other. Influence has no sign, so up counts as "
      + "down. An order that means nothing beats ten random ones once in eleven times. The influence is the input gradient "
      + "of the image itself, not SmoothGrad. After Petsiuk, Das and Saenko 2018 (RISE), with regions as in Samek et al. 2017. "
      + "A gradient tells what a small change does; a blur is a large one, so it may well not hold.")));
  const requests = faithfulnessRequests(explorer, (isComplete) => {
    changed();
    if (isComplete) explorer.say(sentence.textContent ?? "");
  });
  let isOpen = false;

  function toggle() {
    isOpen = !isOpen;
    button.setAttribute("aria-pressed", String(isOpen));
    changed();
    if (isOpen) explorer.open("why"); // in one column the curves stand above the button
  }

  return {
    button, box,
    isOpen: () => isOpen,
    /** What it found of this place, in a sentence. @param {PixelPlace} place */
    answer: (place) => (isOpen ? faithfulnessWords(requests.follow(place)) : ""),
    /** @param {PixelPlace} place */
    draw(place) {
      box.hidden = !isOpen;
      if (!isOpen) return requests.stop();
      const held = requests.follow(place);
      const count = held.random.length, isUnderWay = !held.error && count < RANDOM_ORDERS;
      problem.textContent = held.error;
      problem.hidden = again.hidden = !held.error;
      progress.hidden = pending.hidden = !isUnderWay;
      progress.value = count + (held.own ? 1 : 0);
      pending.textContent = `${count} of ${RANDOM_ORDERS} random orders…`;
      box.setAttribute("aria-busy", String(isUnderWay));
      verdict.textContent = faithfulnessWords(held);
      early.textContent = earlyWords(held) || "…";
      for (const chart of charts) chart.draw(held);
    },
    /** No number of another pixel stays, and nothing more is asked about it. */
    drop() {
      requests.stop();
      verdict.textContent = "";
      early.textContent = "…";
    },
  };
}
