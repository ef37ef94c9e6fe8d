// The steps of the lesson: what each asks of the network, and how an answer is judged by what the network then does.
//
// No answer is written down here: with other weights, or on another image, another one may be right.  The texts are in
// english.js and german.js, the links in demo/lesson.py, both in this order.

import {
  aboveMedian, cellMeans, changeOfRows, insideAndOutside, mapLevels, maskAbove, outlineLeft, outlineOf, rankedAbove,
} from "./measures.js";
import { changedInput } from "../touch/changed.js";
import { confusion, correlation, countAbove, iou, shareOf, thresholdCurves } from "../lib/statistics.js";
import { crop, siteGrid, windowProbability } from "../lib/region.js";
import { equivariance } from "../touch/equivariance.js";
import { meanMap } from "../network/network.js";

/** @import { CutTable, Explorer, ViewState } from "../types.js" */
/** @import { Format } from "./words.js" */
/**
 * @typedef {Record<string, string>} Filled words for the braces of a text
 * @typedef {{ isRight: boolean, filled: Filled, because: string[] }} Judgement because: keys of texts
 * @typedef {"noTruth" | "noMask"} Lack a key of the card's texts
 *
 * @typedef {object} Step
 * @property {keyof typeof import("./english.js").ENGLISH["steps"]} name
 * @property {string[]} marks test ids of what it is about
 * @property {(explorer: Explorer) => string[] | null} choices null: a share of the image is guessed
 * @property {(explorer: Explorer, format: Format) => Filled} fill for the text, the question and the choices
 * @property {(explorer: Explorer, ready: Ready) => Promise<any>} measure asks the network; a Lack where it cannot be
 * @property {(found: any, answer: string, format: Format) => Judgement} judge
 * @property {(explorer: Explorer, found: any) => Partial<ViewState>} show what shows it in the viewer
 * @property {(explorer: Explorer) => Partial<ViewState>} [start] beside the link
 *
 * @typedef {<Value>(read: () => Value | null) => Promise<Value>} Ready waits until a value is there; fails with what `read` throws
 */

const LATE_SITE = "decoder1"; // the last block of the decoder
const LOW_THRESHOLD = 0.5, HIGH_THRESHOLD = 0.8; // thresholds
const LEAST_CORRELATION = 0.3; // the correlation from which on a map goes along with something
const GONE_OVERLAP = 0.1, SAME_OVERLAP = 0.9; // IoU
const GUESS_MARGIN = 0.1; // of the image, by which a guess may be wrong
const NEAR_OVERLAP = 0.95; // IoU
const SHIFTED_BY = 3; // pixels
const CLEAN_OVERLAP = 0.5, SURE_ORDER = 0.7; // IoU, and share of pairs
const GUESSED_PLACE = [70, 30]; // row and column of the pixel that is asked about, of 101 each

/** @param {Explorer} explorer @param {string} name */
const siteNamed = ({ network: { sites } }, name) => sites.find((site) => site.name === name) ?? sites[0];

/** @param {Explorer} explorer */
const skipsOf = ({ network }) => network.parts.filter((part) => part !== "bottleneck");

/** The row of a cut table without these parts. @param {CutTable} cuts @param {string[]} gone */
const without = (cuts, gone) =>
  cuts.probability(cuts.parts.reduce((index, part, bit) => index | (Number(gone.includes(part)) << bit), 0));

/** Nothing yet, where it can still come. @param {string | null} error why it does not @returns {null} */
function stillNothing(error) {
  if (error) throw new Error(error);
  return null;
}

/** @param {Explorer} explorer */
const cutsWhenThere = (explorer) => explorer.cuts ?? stillNothing(explorer.cutsError);

/** @param {Uint8Array} one @param {Uint8Array} other */
const masksOverlap = (one, other) => iou(confusion(Float32Array.from(one), other, 0.5));

/** The truth of the window; null where it has no salt, or nothing else. @param {Explorer} explorer */
function truthOfWindow({ image, window }) {
  const truth = image.truth && crop(image.truth, image, window), salt = truth ? truth.filter(Boolean).length : 0;
  return truth && salt > 0 && salt < truth.length ? truth : null;
}

/** The map that is open, or the first one. @param {Explorer} explorer */
function openedMap({ state, network: { sites } }) {
  const site = sites.find(({ name }) => name === state.layer && name !== "logits") ?? sites[0];
  return { layer: site.name, channel: state.channel !== null && state.channel < site.channels ? state.channel : 0 };
}

/** The pixel that the step about pixels asks about. @param {Explorer} explorer @returns {[number, number]} */
const guessedPixel = ({ window: { top, left, height, width } }) =>
  [top + Math.floor((GUESSED_PLACE[0] * height) / 101), left + Math.floor((GUESSED_PLACE[1] * width) / 101)];

/** "skip1 2 %, skip2 30 %". @param {Record<string, number>} values @param {(value: number) => string} words */
const listed = (values, words) => Object.entries(values).map(([name, value]) => `${name} ${words(value)}`).join(", ");

/** The name with the largest value. @param {Record<string, number>} values */
const largestName = (values) => Object.entries(values).reduce((best, own) => (own[1] > best[1] ? own : best))[0];

/** @type {Step} */
const thresholdStep = {
  name: "threshold",
  marks: ["salt-threshold"],
  choices: () => ["fewerMore", "moreFewer", "fewerFewer", "moreMore"],
  fill: (_, { decimal }) => ({ from: decimal(LOW_THRESHOLD), to: decimal(HIGH_THRESHOLD) }),
  async measure(explorer) {
    const truth = truthOfWindow(explorer), probability = windowProbability(explorer);
    if (!truth) return "noTruth";
    const [before, after] = [LOW_THRESHOLD, HIGH_THRESHOLD].map((limit) => confusion(probability, truth, limit));
    return { before, after };
  },
  judge({ before, after }, answer, { decimal, whole }) {
    const change = { fp: Math.sign(after.fp - before.fp), fn: Math.sign(after.fn - before.fn) };
    /** @type {Record<string, number[]>} */
    const claims = { fewerMore: [-1, 1], moreFewer: [1, -1], fewerFewer: [-1, -1], moreMore: [1, 1] };
    const isRight = claims[answer][0] === change.fp && claims[answer][1] === change.fn;
    const filled = {
      fpBefore: whole(before.fp), fpAfter: whole(after.fp), fnBefore: whole(before.fn), fnAfter: whole(after.fn),
      iouBefore: decimal(iou(before), 3), iouAfter: decimal(iou(after), 3),
    };
    return { isRight, filled, because: ["always"] };
  },
  show: () => ({ threshold: HIGH_THRESHOLD, truth: true }),
};

/** @type {Step} */
const encoderStep = {
  name: "encoder",
  marks: ["chosen-map"],
  choices: () => ["bright", "dark", "rows", "salt"],
  fill: (explorer, { whole }) => ({ layer: openedMap(explorer).layer, channel: whole(openedMap(explorer).channel) }),
  async measure(explorer, ready) {
    const { sites } = await ready(() => explorer.maps ?? stillNothing(explorer.mapsError));
    const { image, window, state } = explorer, { layer, channel } = openedMap(explorer);
    const grey = crop(image.grey, image, window), mask = maskAbove(windowProbability(explorer), state.threshold);
    /** The correlation of every map of a site with what it could go along with; 0 where either is the same everywhere. */
    const along = (/** @type {string} */ name, /** @type {ArrayLike<number>} */ values) => {
      const cells = cellMeans(values, window, siteGrid(explorer, siteNamed(explorer, name)));
      return Array.from({ length: sites[name].channels }, (_, own) =>
        correlation(mapLevels(sites[name], own), cells) || 0);
    };
    const bright = along(layer, grey)[channel], rows = along(layer, changeOfRows(grey, window))[channel];
    const [early, late] = [layer, LATE_SITE].map((name) => along(name, mask));
    return {
      layer, channel, early: Math.max(...early), latest: Math.max(...late),
      along: { bright, dark: -bright, rows, salt: early[channel] },
    };
  },
  judge({ layer, channel, along, early, latest }, answer, { decimal, whole, choice }) {
    const best = largestName(along), isKnown = along[best] >= LEAST_CORRELATION;
    const filled = {
      layer, channel: whole(channel), late: LATE_SITE, best: choice(best), least: decimal(LEAST_CORRELATION),
      bright: decimal(along.bright), rows: decimal(along.rows), salt: decimal(along.salt),
      early: decimal(early), latest: decimal(latest),
    };
    const because = [isKnown ? "best" : "none", latest > early ? "later" : "notLater"];
    return { isRight: isKnown && answer === best, filled, because };
  },
  show: () => ({ layer: LATE_SITE, channel: null, sort: "agreement", tab: "maps" }),
};

/** @type {Step} */
const bottleneckStep = {
  name: "bottleneck",
  marks: ["site-bottleneck"],
  choices: () => ["gone", "place", "same"],
  fill(explorer, { whole }) {
    const site = siteNamed(explorer, "bottleneck"), { height, width } = siteGrid(explorer, site);
    return { rows: whole(height), columns: whole(width), channels: whole(site.channels), stride: whole(site.stride) };
  },
  async measure(explorer, ready) {
    const cuts = await ready(() => cutsWhenThere(explorer)), { threshold: limit } = explorer.state;
    const skips = skipsOf(explorer), { window } = explorer;
    const [whole, alone, cut] = [[], skips, ["bottleneck"]].map((gone) => maskAbove(without(cuts, gone), limit));
    if (!whole.includes(1)) return "noMask";
    return {
      skips, areas: [whole, alone].map((mask) => shareOf(mask.filter(Boolean).length, mask.length)),
      overlap: masksOverlap(alone, whole), reverse: masksOverlap(cut, whole), moved: outlineLeft(whole, alone, window),
    };
  },
  judge({ areas, overlap, reverse, moved }, answer, { decimal, percent }) {
    const kind = overlap < GONE_OVERLAP ? "gone" : overlap > SAME_OVERLAP ? "same" : "place";
    const filled = {
      areaWhole: percent(areas[0]), area: percent(areas[1]), overlap: decimal(overlap), reverse: decimal(reverse),
      moved: percent(moved), gone: decimal(GONE_OVERLAP, 1), same: decimal(SAME_OVERLAP, 1),
    };
    return { isRight: answer === kind, filled, because: [kind, "reverse"] };
  },
  show: (_, { skips }) => ({ cuts: skips, tab: "cut" }),
};

/** @type {Step} */
const cutStep = {
  name: "cut",
  marks: ["site-skip"],
  choices: skipsOf,
  fill: (explorer) => ({ first: skipsOf(explorer)[0], last: skipsOf(explorer).at(-1) ?? "" }),
  async measure(explorer, ready) {
    const cuts = await ready(() => cutsWhenThere(explorer)), { window, state: { threshold: limit } } = explorer;
    const whole = maskAbove(cuts.probability(0), limit), skips = skipsOf(explorer);
    if (!whole.includes(1)) return "noMask";
    const shares = skips.map((skip) => [skip, outlineLeft(whole, maskAbove(without(cuts, [skip]), limit), window)]);
    return { shares: Object.fromEntries(shares), pixels: outlineOf(whole, window).length };
  },
  judge({ shares, pixels }, answer, { percent, whole }) {
    const best = largestName(shares), isFinest = best === Object.keys(shares)[0];
    const filled = { best, share: percent(shares[answer]), pixels: whole(pixels), all: listed(shares, percent) };
    return { isRight: shares[answer] === shares[best], filled, because: [isFinest ? "finest" : "coarser", "caution"] };
  },
  show: (_, { shares }) => ({ cuts: [largestName(shares)], tab: "cut" }),
};

/** @type {Step} */
const pixelStep = {
  name: "pixel",
  marks: [],
  choices: () => null,
  fill(explorer, { percent, whole }) {
    const { network: { field }, window: { top, left, height, width } } = explorer;
    const [row, column] = guessedPixel(explorer);
    const along = (/** @type {number} */ at, /** @type {number} */ length) => {
      const first = at - (field >> 1);
      return Math.min(length, first + field) - Math.max(0, first);
    };
    const pixels = along(row - top, height) * along(column - left, width);
    return { field: whole(field), theory: percent(shareOf(pixels, height * width)) };
  },
  start(explorer) {
    const [row, column] = guessedPixel(explorer);
    return { frames: [{ top: row - 1, left: column - 1, height: 3, width: 3, label: "?", dashed: false }] };
  },
  async measure(explorer) {
    const place = guessedPixel(explorer), { window: { height, width }, state: { random } } = explorer;
    const { boxes } = await explorer.request({ kind: "pixel", box: [...place, 1, 1], random });
    return { place, size: height * width, wide: boxes["90"], narrow: boxes["50"], theory: explorer.network.field };
  },
  judge({ size, wide, narrow, theory }, answer, { percent, whole }) {
    const share = (wide[2] * wide[3]) / size, guess = Number(answer) / 100;
    const filled = {
      wide: percent(share), wideRows: whole(wide[2]), wideColumns: whole(wide[3]), margin: percent(GUESS_MARGIN),
      narrow: percent((narrow[2] * narrow[3]) / size), narrowRows: whole(narrow[2]), narrowColumns: whole(narrow[3]),
    };
    const possible = Math.min(size, theory * theory) / size;
    const kind = share < possible - GUESS_MARGIN ? "smaller" : "asLarge";
    return { isRight: Math.abs(guess - share) <= GUESS_MARGIN, filled, because: [kind, "meaning"] };
  },
  show: (_, { place }) => ({ pixel: place, box: null, tab: "why" }),
};

/** @type {Step} */
const shiftStep = {
  name: "shift",
  marks: ["salt-viewer"],
  choices: () => ["same", "near", "apart"],
  fill: (_, { whole, decimal }) => ({ pixels: whole(SHIFTED_BY), near: decimal(NEAR_OVERLAP) }),
  async measure(explorer) {
    const { original, window, state, network } = explorer;
    const stride = Math.max(...network.sites.map((site) => site.stride));
    const predict = async (/** @type {string} */ edits) => {
      const { input } = changedInput()(original, edits, window);
      return (await explorer.request({ kind: "predict", input })).probability;
    };
    const before = await predict("");
    if (!countAbove(before, state.threshold)) return "noMask";
    const [short, long] = [SHIFTED_BY, stride].map((columns) => `shift:0,${columns}`);
    const where = { image: original, window, threshold: state.threshold };
    const compare = async (/** @type {string} */ edits) => equivariance(before, await predict(edits), edits, where);
    return { edits: short, stride, near: await compare(short), far: await compare(long) };
  },
  judge({ stride, near, far }, answer, { decimal, whole }) {
    const kind = near.kept === near.pixels ? "same" : near.overlap >= NEAR_OVERLAP ? "near" : "apart";
    const filled = {
      overlap: decimal(near.overlap, 3), compared: whole(near.pixels), changed: whole(near.pixels - near.kept),
      pixels: whole(SHIFTED_BY), stride: whole(stride), overlapStride: decimal(far.overlap, 3),
    };
    return { isRight: answer === kind, filled, because: ["always"] };
  },
  show: (_, { edits }) => ({ edits, tab: "touch" }),
};

/** @type {Step} */
const missedStep = {
  name: "missed",
  marks: ["salt-viewer"],
  choices: () => ["threshold", "unsure", "blind"],
  fill(explorer, { decimal, whole }) {
    const truth = truthOfWindow(explorer), { threshold: limit } = explorer.state;
    const found = truth ? confusion(windowProbability(explorer), truth, limit) : { tp: 0, fn: 0 };
    const salt = whole(found.tp + found.fn);
    return { salt, found: whole(found.tp), threshold: decimal(limit), clean: decimal(CLEAN_OVERLAP, 1) };
  },
  async measure(explorer, ready) {
    const truth = truthOfWindow(explorer);
    if (!truth) return "noTruth";
    const cuts = await ready(() => cutsWhenThere(explorer)), probability = windowProbability(explorer);
    const { inside, outside, means, highest } = insideAndOutside(probability, truth);
    const curves = thresholdCurves(probability, truth, probability.length);
    const best = curves.best ?? LOW_THRESHOLD;
    return {
      means, highest, best, overlap: iou(confusion(probability, truth, best)), order: rankedAbove(probability, truth),
      wrong: aboveMedian(outside, inside), deep: insideAndOutside(without(cuts, ["bottleneck"]), truth).means,
    };
  },
  judge({ means, highest, best, overlap, order, wrong, deep }, answer, { decimal, percent, whole }) {
    const kind = overlap > CLEAN_OVERLAP ? "threshold" : order >= SURE_ORDER ? "unsure" : "blind";
    const filled = {
      inside: decimal(means[0]), outside: decimal(means[1]),
      highest: decimal(highest[0]), highestOutside: decimal(highest[1]),
      order: percent(order), best: decimal(overlap), at: decimal(best), wrong: whole(wrong), sure: percent(SURE_ORDER),
      insideCut: decimal(deep[0]), outsideCut: decimal(deep[1]),
    };
    return { isRight: answer === kind, filled, because: [kind, "deep"] };
  },
  show: (_, { best }) => ({ look: "heat", threshold: best }),
};

/** An early map, the deepest, a late one and the output. @param {Explorer} explorer */
const comparedSites = ({ network }) =>
  [network.sites.some(({ name }) => name === "encoder2") ? "encoder2" : "encoder1", "bottleneck", LATE_SITE, "logits"];

/** @type {Step} */
const randomStep = {
  name: "random",
  marks: ["random-weights"],
  choices: comparedSites,
  fill: () => ({}),
  async measure(explorer) {
    const [trained, untrained] = await Promise.all([false, true].map((random) =>
      explorer.request({ kind: "maps", cuts: [], fill: "zero", random })));
    const alike = comparedSites(explorer).map((name) =>
      [name, correlation(meanMap(trained.sites[name]), meanMap(untrained.sites[name])) || 0]);
    return { alike: Object.fromEntries(alike) };
  },
  judge({ alike }, answer, { decimal }) {
    const best = largestName(alike), isEarly = best.startsWith("encoder") && alike[best] >= LEAST_CORRELATION;
    const filled = { all: listed(alike, decimal) };
    return { isRight: alike[answer] === alike[best], filled, because: [isEarly ? "early" : "other", "source"] };
  },
  show: () => ({ random: true }),
};

export const STEPS = [
  thresholdStep, encoderStep, bottleneckStep, cutStep, pixelStep, shiftStep, missedStep, randomStep,
];
