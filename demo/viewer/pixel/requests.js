// What the network says of a pixel or a box, with its weights and with random ones.
//
// The plain response is requested first and shown at once, the mean over noisy copies second.  One request is under way
// at a time; the next one is chosen when its response is there, so of many pixels only the newest is requested.

/** @import { Box, Explorer, PixelResponse } from "../types.js" */
/**
 * @typedef {"trained" | "random"} Weights
 * @typedef {PixelResponse & { smooth?: Float32Array, error?: string }} PixelFindings  smooth: the mean gradient
 * @typedef {{ error: string, logit?: undefined }} PixelError  nothing else is known
 * @typedef {Partial<Record<Weights, PixelFindings | PixelError>>} Known
 * @typedef {{ key: string, scene: string, box: Box, inside: boolean, known: Known }} PixelPlace
 *   a box in its image and window, and what is known of it
 */

export const COPIES = 16; // noisy copies of the image
const PIXEL_PAUSE = 150; // ms a pixel must stay before the long request about it is made

/** Which weights the user looks at. @param {Explorer} explorer @returns {Weights} */
export const shownWeights = ({ state }) => (state.random ? "random" : "trained");

/**
 * @param {Explorer} explorer
 * @param {(weights: Weights, samples: number, error?: string) => void} show called with every response
 */
export function pixelRequests(explorer, show) {
  /** @type {PixelPlace | null} */
  let place = null;
  let busy = false;
  let wake = () => {}; // ends the pause before the long request

  /** @returns {PixelPlace | null} */
  function lookUp() {
    const { image, network, window } = explorer;
    const { pixel, box } = explorer.state;
    /** @type {Box | null} */
    const chosen = box ?? (pixel && [...pixel, 1, 1]);
    if (!chosen) return null;
    const scene = JSON.stringify([image.key, network.parameters, window.top, window.left, window.height, window.width]);
    const [top, left, height, width] = chosen;
    const inside = top >= window.top && left >= window.left
      && top + height <= window.top + window.height && left + width <= window.left + window.width;
    return { key: `${scene} ${chosen}`, scene, box: [...chosen], inside, known: {} };
  }

  /** What is to be requested next, seen from here and now. */
  function due() {
    if (!place?.inside) return null;
    /** @type {Weights[]} */
    const wanted = explorer.state.random ? ["random", "trained"] : ["trained"]; // random maps are there to be compared
    for (const samples of [0, COPIES]) {
      for (const weights of wanted) {
        const known = place.known[weights];
        if (!known?.error && !(samples ? known && "smooth" in known : known)) return { place, weights, samples };
      }
    }
    return null;
  }

  async function pump() {
    if (busy) return;
    busy = true;
    for (let job = due(); job; job = due()) {
      const { weights, samples } = job;
      if (samples) {
        await /** @type {Promise<void>} */ (new Promise((done) => { wake = done; setTimeout(done, PIXEL_PAUSE); }));
        const now = due();
        if (now?.place !== job.place || now.weights !== weights || now.samples !== samples) continue;
      }
      /** @type {PixelResponse | PixelError} */
      let found;
      try {
        const random = weights === "random";
        found = await explorer.request({ kind: "pixel", box: job.place.box, samples, random });
      } catch (error) {
        found = { error: String(/** @type {Error} */ (error).message) };
      }
      if (job.place === place && place.key === lookUp()?.key) take(place.known, weights, samples, found);
    }
    busy = false;
  }

  /**
   * @param {Known} known
   * @param {Weights} weights
   * @param {number} samples
   * @param {PixelResponse | PixelError} found
   */
  function take(known, weights, samples, found) {
    const before = known[weights];
    if (found.logit === undefined) known[weights] = { ...before, ...found };
    else if (!samples || before?.logit === undefined) known[weights] = found;
    else known[weights] = { ...before, smooth: found.gradient, boxes: found.boxes };
    show(weights, samples, found.logit === undefined ? found.error : undefined);
  }

  return {
    place: () => place,
    pump,
    /** The place that is chosen now. */
    follow() {
      const next = lookUp();
      if (next?.key !== place?.key) { place = next; wake(); }
      return place;
    },
    /** Requests once more what failed. */
    retry() {
      if (!place) return;
      const { known } = place;
      if (known.trained?.error) delete known.trained;
      if (known.random?.error) delete known.random;
      pump();
    },
  };
}
