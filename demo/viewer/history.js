// Undo and redo: what was chosen before every gesture, and after it.
//
// A gesture is all that was set until the hand let go: a drag, a stroke and a key that is held down are one.  To open
// another tab is no gesture of its own, but where a gesture began and ended is remembered with it.

import { KEPT, isSame } from "./state.js";
import { gestureWords } from "./gesture_words.js";

/** @import { Explorer, ViewState } from "./types.js" */
/** @typedef {{ before: Partial<ViewState>, after: Partial<ViewState>, changes: string, words: string }} Gesture */

const MOST_GESTURES = 100; // gestures that are remembered
/** Beside what a link keeps. @type {(keyof ViewState)[]} */
const UNDONE_TOO = ["look", "opacity", "sort", "shared", "swipe", "wide", "alike"];

/**
 * @param {Explorer} explorer
 * @param {() => void} changed called when there is something else to undo or to redo
 */
export function viewHistory(explorer, changed) {
  const names = [...KEPT, ...UNDONE_TOO];
  /** @type {Gesture[]} */
  let past = [];
  /** @type {Gesture[]} */
  let future = []; // the next one last
  /** @type {Partial<ViewState>} */
  let settled = {}; // as the last gesture left it
  let isHeld = false; // the key of the last gesture goes on with it
  let isDue = false;

  /** @returns {Partial<ViewState>} */
  const chosen = () => Object.fromEntries(names.map((name) => [name, explorer.state[name]]));

  /** What the gesture that just ended changed. */
  function note() {
    isDue = false;
    if (!explorer.image) return;
    const now = chosen();
    const changes = names.filter((name) => !isSame(now[name], settled[name]));
    if (changes.some((name) => name !== "tab")) remember(now, changes.join());
    settled = now;
  }

  /** @param {Partial<ViewState>} after @param {string} changes names of what is other than before */
  function remember(after, changes) {
    const last = isHeld && past.length && past[past.length - 1].changes === changes ? past.pop() : null;
    const before = last?.before ?? settled;
    const words = gestureWords(before, after);
    if (words) past = [...past, { before, after, changes, words }].slice(-MOST_GESTURES); // a held key may lead back to where it was
    future = [];
    explorer.set({ undone: "" }, { settled: false });
    changed();
  }

  /**
   * @param {Gesture[]} from
   * @param {Gesture[]} to
   * @param {"before" | "after"} side
   * @param {string} verb
   */
  function move(from, to, side, verb) {
    const gesture = from.pop();
    if (!gesture) return false;
    to.push(gesture);
    settled = gesture[side];
    const { tab } = explorer.state;
    explorer.set({ ...settled, undone: `${verb}: ${gesture.words}.` });
    if (settled.tab && settled.tab !== tab) explorer.open(settled.tab);
    changed();
    return true;
  }

  return {
    /** What would be undone; null where nothing would. */
    get past() { return past[past.length - 1]?.words ?? null; },
    /** What would be redone. */
    get future() { return future[future.length - 1]?.words ?? null; },
    /** @returns {boolean} whether there was something */
    undo: () => move(past, future, "before", "Undone"),
    /** @returns {boolean} whether there was something */
    redo: () => move(future, past, "after", "Redone"),
    /** Something was let go; all that is set until what is running now ends belongs to it. */
    settle() { if (!isDue) queueMicrotask(note); isDue = true; },
    /** A key went down, or repeats itself. @param {boolean} repeats */
    hold(repeats) { isHeld = repeats; },
    /** What is open now is where it begins. */
    forget() {
      past = [];
      future = [];
      settled = chosen();
      changed();
    },
  };
}
