// What a gesture did, in a few words that follow "Undo:".

import { isSame } from "./state.js";

/** @import { ViewState } from "./types.js" */
/** @typedef {Partial<ViewState>} Chosen */

/** By the name of the last operation on the input, see types.d.ts. @type {Record<string, string>} */
const EDIT_WORDS = {
  shift: "shift the image", flip: "flip the image", flat: "make the image flat grey", impulse: "place an impulse", dead: "place a dead trace",
  paint: "paint", erase: "erase", noise: "paint noise",
};
/** @type {Record<string, string>} */
const LOOK_WORDS = { fill: "filled", contour: "as a contour", heat: "as a heat map", uncertainty: "with its uncertainty" };

/** @param {Chosen} before @param {Chosen} after */
function cutGestureWords({ cuts: before = [] }, { cuts: after = [] }) {
  const cut = after.filter((part) => !before.includes(part)), back = before.filter((part) => !after.includes(part));
  return [cut.length ? `cut ${cut.join(", ")}` : "", back.length ? `put ${back.join(", ")} back` : ""]
    .filter(Boolean).join(" and ");
}

/** @param {Chosen} before @param {Chosen} after */
function placeGesture(before, { pixel, box }) {
  if (box) return "mark a box";
  return pixel ? `ask row ${pixel[0]}, column ${pixel[1]}` : `forget the ${before.box ? "box" : "pixel"}`;
}

/** Who takes random weights leaves the epoch. @param {Chosen} _ @param {Chosen} after */
function epochGesture(_, { epoch, random }) {
  if (random) return "take random weights";
  return epoch == null ? "go to the finished network" : `go to epoch ${epoch}`;
}

/** @param {Chosen} before @param {Chosen} after */
function mapGesture(before, { layer, channel }) {
  if (layer && channel != null) return `open map ${channel} of ${layer}`;
  if (layer && layer === before.layer) return `close map ${before.channel}`;
  return layer ? `open ${layer}` : `close ${before.layer}`;
}

/** @param {Chosen} before @param {Chosen} after */
function swipeGesture({ swipe: before }, { swipe: after }) {
  if (after == null) return "leave before and after";
  return before == null ? "show before and after" : "move the line of before and after";
}

/**
 * What a change of each of them is called; where several changed at once, the first says it.
 * @type {Record<string, (before: Chosen, after: Chosen) => string>}
 */
const GESTURE_WORDS = {
  lesson: (_, { lesson }) => (lesson == null ? "leave the lesson" : `open step ${lesson} of the lesson`),
  edits: (_, { edits }) => {
    if (!edits) return "go back to the original image";
    return EDIT_WORDS[edits.split(";").at(-1)?.split(":")[0] ?? ""] ?? "change the image";
  },
  epoch: epochGesture,
  random: (_, { random }) => `take ${random ? "random" : "the trained"} weights`,
  cuts: cutGestureWords,
  fill: (_, { fill }) => `put ${fill} in place of what is cut`,
  other: (_, { other }) => (other ? `compare with ${other}` : "compare with no other weights"),
  tta: (_, { tta }) => `switch flip TTA ${tta ? "on" : "off"}`,
  box: placeGesture,
  pixel: placeGesture,
  window: () => "move the window",
  channel: mapGesture,
  layer: mapGesture,
  alike: (_, { alike }) => (alike ? "look for alike places" : "forget the alike places"),
  threshold: (_, { threshold = 0 }) => `move the threshold to ${Number(threshold.toFixed(2))}`,
  truth: (_, { truth }) => (truth ? "compare with the truth" : "compare no more with the truth"),
  look: (_, { look = "" }) => `show salt ${LOOK_WORDS[look]}`,
  opacity: (_, { opacity = 0 }) => `set the opacity to ${Math.round(100 * opacity)} %`,
  swipe: swipeGesture,
  sort: () => "sort the maps",
  shared: (_, { shared }) => `take ${shared ? "one scale for all maps" : "a scale for each map"}`,
  wide: (_, { wide }) => `${wide ? "take" : "leave"} the full width`,
};

/**
 * @param {Chosen} before
 * @param {Chosen} after
 * @returns {string} empty where nothing changed
 */
export function gestureWords(before, after) {
  const names = /** @type {(keyof ViewState)[]} */ (Object.keys(GESTURE_WORDS));
  const name = names.find((one) => !isSame(before[one], after[one]));
  return name ? GESTURE_WORDS[name](before, after) : "";
}
