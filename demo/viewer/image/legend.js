// What the colours of right and wrong mean, and how many pixels have them.

import { CLASS_COLORS, FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_POSITIVE, isCompared } from "./painting.js";
import { h } from "../lib/dom.js";
import { wholeNumber } from "../lib/format.js";

/** @import { Explorer } from "../types.js" */
/** @import { Confusion } from "../lib/statistics.js" */

/** @param {HTMLElement} list @param {Explorer} explorer */
export function comparisonLegend(list, explorer) {
  /** @param {number} kind @param {string} words @param {string} look */
  function entry(kind, words, look) {
    const number = h("b");
    const swatch = h("span", { class: `swatch ${look}`, style: `--color: rgb(${CLASS_COLORS[kind]})` });
    const item = h("li", {}, swatch, h("span", {}, words), " ", number);
    list.append(item);
    return { item, number };
  }

  const counted = {
    tp: entry(TRUE_POSITIVE, "found (TP)", "plain").number,
    fp: entry(FALSE_POSITIVE, "too much (FP)", "rising").number,
    fn: entry(FALSE_NEGATIVE, "missed (FN)", "falling").number,
  };
  const edges = [
    entry(FALSE_POSITIVE, "edge of what was found", "edge").item, entry(FALSE_NEGATIVE, "edge of the truth", "edge").item,
  ];

  /** @param {Confusion | null} counts */
  return function show(counts) {
    const untinted = explorer.state.look !== "fill" || Boolean(explorer.state.overlay);
    list.hidden = !isCompared(explorer);
    if (list.hidden || !counts) return;
    for (const kind of /** @type {const} */ (["tp", "fp", "fn"])) counted[kind].textContent = wholeNumber(counts[kind]);
    for (const item of edges) item.hidden = !untinted;
    list.classList.toggle("untinted", untinted);
  };
}
