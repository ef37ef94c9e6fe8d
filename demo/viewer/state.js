// The view state: what it starts with, what a link says of it, and what of it fits an image and a network.

import { editsText, parseEdits } from "./touch/edits.js";
import { TABS } from "./tabs.js";

/** @import { Box, Explorer, Place, ViewState } from "./types.js" */

/** @type {ViewState} */
export const START = {
  threshold: 0.5, look: "fill", opacity: 0.45, truth: false, swipe: null,
  hover: null, pixel: null, box: null,
  layer: null, channel: null, sort: "number", shared: false,
  cuts: [], fill: "zero", random: false, epoch: null, edits: "", tta: false, other: null, window: null,
  tab: "maps", lesson: null, alike: null, wide: false, answer: "", undone: "",
  overlay: null, frames: [],
};

/** @type {(keyof ViewState)[]} */
export const KEPT = [
  "threshold", "layer", "channel", "cuts", "fill", "pixel", "box", "random", "epoch", "edits", "tta", "truth", "other",
  "tab", "window", "lesson",
];

/** Whether two values of a state are equal. @param {unknown} one @param {unknown} other */
export const isSame = (one, other) =>
  one === other || (Array.isArray(one) && Array.isArray(other) && JSON.stringify(one) === JSON.stringify(other));

/** A file on disk has no query that a page may rewrite: there, and where a link has them there, values are in its fragment. */
const isInFragment = () => location.protocol === "file:" || location.hash.includes("=");

/** What the address says, as a query. */
export const linkOfAddress = () => (isInFragment() ? location.hash.slice(1) : location.search);

/**
 * What a link says, as far as it can be read; whether it fits is seen when the image is there.
 * @param {string} [link] what stands behind the address's "?"
 * @returns {Partial<ViewState>}
 */
export function stateOfLink(link = linkOfAddress()) {
  const values = new URLSearchParams(link);
  const numbers = (/** @type {string} */ name, /** @type {number} */ count) => {
    const found = (values.get(name) ?? "").split(",");
    const read = found.length === count && found.every((text) => /^\d{1,9}$/.test(text)) ? found.map(Number) : null;
    return /** @type {any} */ (read);
  };
  return {
    layer: values.get("layer"), channel: numbers("channel", 1)?.[0] ?? null,
    cuts: (values.get("cuts") ?? "").split(",").filter(Boolean), fill: values.get("fill") ?? "zero",
    pixel: numbers("pixel", 2), box: numbers("box", 4), window: numbers("window", 2),
    random: values.get("random") === "1", epoch: numbers("epoch", 1)?.[0] ?? null, edits: values.get("edits") ?? "",
    tta: values.get("tta") === "1", truth: values.get("truth") === "1",
    other: values.get("other"), tab: values.get("tab") ?? START.tab,
    lesson: numbers("lesson", 1)?.[0] ?? null,
  };
}

/**
 * Writes the state into the address.
 * @param {ViewState} state
 * @param {Record<string, string | null>} link what Python says of image and weights
 * @param {boolean} isPart only a part of the image is opened
 */
export function writeLink(state, link, isPart) {
  const values = {
    ...link,
    threshold: state.threshold.toFixed(2),
    layer: state.layer, channel: state.channel,
    cuts: state.cuts.join(","), fill: state.fill === "zero" ? null : state.fill,
    pixel: state.pixel?.join(","), box: state.box?.join(","),
    random: state.random ? 1 : null, epoch: state.epoch, edits: state.edits, lesson: state.lesson,
    tta: state.tta ? 1 : null, truth: state.truth ? 1 : null, other: state.other,
    tab: state.tab === START.tab ? null : state.tab, window: isPart ? state.window?.join(",") : null,
  };
  const address = new URL(location.href), said = new URLSearchParams(linkOfAddress());
  for (const [name, value] of Object.entries(values)) {
    if (value == null || value === "") said.delete(name);
    else said.set(name, String(value));
  }
  address[isInFragment() ? "hash" : "search"] = String(said);
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}

/**
 * Changes with what they bring along.  A snapshot and random weights are two networks: who chooses one leaves the other.
 * Who closes a block looks for no alike places in it any more.
 * @param {Partial<ViewState>} changes
 * @returns {Partial<ViewState>}
 */
export function wholeChanges(changes) {
  const whole = { ...changes };
  if (whole.random) whole.epoch = null;
  else if (typeof whole.epoch === "number") whole.random = false;
  if (whole.layer === null) whole.alike = null;
  return whole;
}

/** The part of the state that a link and a session file keep, as JSON. @param {ViewState} state */
export function keptState(state) {
  return JSON.stringify(Object.fromEntries(KEPT.map((name) => [name, state[name]])));
}

/**
 * What a link, a session file or the image before says may not fit this image and this network.
 * @param {Explorer} explorer
 * @returns {Partial<ViewState>}
 */
export function fittingState({ state, image, network: { sites, parts, samples, others, epochs, window: side } }) {
  const lengths = [image.height, image.width];
  const site = sites.find(({ name }) => name === state.layer);
  const inside = (/** @type {Place} */ place) => place.every((at, axis) => at >= 0 && at < lengths[axis]);
  const isBoxInside = (/** @type {Box} */ [top, left, height, width]) =>
    inside([top, left]) && inside([top + height - 1, left + width - 1]);
  const last = lengths.map((length) => Math.max(0, length - side));
  const fits = state.window?.every((start, axis) => start >= 0 && start <= last[axis]);
  const { operations } = parseEdits(state.edits, image);
  const isChannel = site && state.channel !== null && state.channel < site.channels;
  return {
    layer: site ? site.name : null,
    channel: isChannel ? state.channel : null,
    cuts: parts.filter((part) => state.cuts.includes(part)),
    fill: ["zero", "mean", ...samples].includes(state.fill) ? state.fill : "zero",
    pixel: state.pixel && inside(state.pixel) ? state.pixel : null,
    box: state.box && isBoxInside(state.box) ? state.box : null,
    epoch: !state.random && state.epoch !== null && epochs.includes(state.epoch) ? state.epoch : null,
    // Of an image that is opened whole nothing is kept: its 0 and 0 would be the corner of a larger one.
    window: !last.some(Boolean) ? null : fits ? state.window : [last[0] >> 1, last[1] >> 1],
    truth: state.truth && Boolean(image.truth),
    alike: state.alike && inside(state.alike) ? state.alike : null,
    other: others.some(({ name }) => name === state.other) ? state.other : null,
    tab: TABS.some(({ name }) => name === state.tab) ? state.tab : START.tab,
    edits: editsText(operations),
    hover: null, overlay: null, frames: [], answer: "", undone: "",
  };
}
