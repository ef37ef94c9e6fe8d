// The curves of one place: by influence first, then in random orders, one request each.

import { isHeldBack, shownWeights } from "./requests.js";

/** @import { Explorer, Faithfulness } from "../types.js" */
/** @import { PixelPlace } from "./requests.js" */
/** @typedef {{ key: string, own: Faithfulness | null, random: Faithfulness[], error: string }} Held what is known of a place */

export const RANDOM_ORDERS = 10; // random ones
const REST_OF_PLACE = 150; // ms a place must stay before it is asked about

/**
 * @param {Explorer} explorer
 * @param {(isComplete: boolean) => void} show called with every response
 */
export function faithfulnessRequests(explorer, show) {
  /** @type {Held} */
  let held = { key: "", own: null, random: [], error: "" };
  /** @type {PixelPlace | null} */
  let wanted = null;
  let busy = false;

  async function pump() {
    if (busy) return;
    busy = true;
    while (wanted?.inside && !isHeldBack(explorer) && !held.error && held.random.length < RANDOM_ORDERS) {
      const { key } = held, { box } = wanted, random = explorer.state.random;
      const isWanted = () => wanted !== null && key === held.key;
      if (!held.own) await new Promise((done) => { setTimeout(done, REST_OF_PLACE); });
      if (!isWanted()) continue;
      try {
        const seed = held.own ? held.random.length : null;
        const found = await explorer.request({ kind: "faithfulness", box, seed, random });
        if (!isWanted()) continue;
        if (seed === null) held.own = found;
        else held.random.push(found);
      } catch (error) {
        if (!isWanted()) continue;
        held.error = String(/** @type {Error} */ (error).message);
      }
      show(held.random.length === RANDOM_ORDERS);
    }
    busy = false;
  }

  return {
    /** What is known of a place; what is not is requested. @param {PixelPlace} place */
    follow(place) {
      const key = `${place.key} ${shownWeights(explorer)}`;
      if (key !== held.key) held = { key, own: null, random: [], error: "" };
      wanted = place;
      pump();
      return held;
    },
    /** Nothing more is wanted. */
    stop() { wanted = null; },
    retry() { held.error = ""; show(false); pump(); },
  };
}
