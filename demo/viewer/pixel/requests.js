// What the network says of a pixel or a box, with its weights and with random ones.
//
// The plain response is requested first and shown at once, noisy copies of the image after it, a few at a time.  One
// request is under way at a time; the next one is chosen when its response is there, so of many pixels only the newest is
// requested.

import { resolveMap } from "../lib/smoothing.js";

/** @import { Box, Explorer, PixelResponse } from "../types.js" */
/** @import { ResolvedMap } from "../lib/smoothing.js" */
/**
 * @typedef {"trained" | "random"} Weights
 * @typedef {PixelResponse & { pieces?: Float32Array[], smooth?: ResolvedMap, error?: string }} PixelFindings
 *   pieces: mean gradients over some noisy copies each; smooth: what all of them agree on
 * @typedef {{ error: string, logit?: undefined }} PixelError  nothing else is known
 * @typedef {Partial<Record<Weights, PixelFindings | PixelError>>} Known
 * @typedef {{ key: string, scene: string, box: Box, inside: boolean, known: Known, stopped: boolean }} PixelPlace
 *   a box in its image and window, with the edits of the input in its key, and what is known of it; stopped: no more noisy copies are wanted
 */

const COPY_PIECES = 4, COPIES_IN_PIECE = 4; // requests, and noisy copies in each
export const COPIES = COPY_PIECES * COPIES_IN_PIECE;
const PIXEL_PAUSE = 150; // ms a pixel must stay before noisy copies are requested

/** Which weights the user looks at. @param {Explorer} explorer @returns {Weights} */
export const shownWeights = ({ state }) => (state.random ? "random" : "trained");

/** While the input is being changed, its mask comes first. @param {Explorer} explorer */
export const isHeldBack = ({ state, isMoving }) => isMoving || state.tab === "touch";

/** How many noisy copies there are. @param {PixelFindings} findings */
export const copiesOf = ({ pieces }) => COPIES_IN_PIECE * (pieces?.length ?? 0);

/**
 * @param {Explorer} explorer
 * @param {(weights: Weights, fresh: boolean) => void} show called with every response; fresh: it is the first
 */
export function pixelRequests(explorer, show) {
  /** @type {PixelPlace | null} */
  let place = null;
  let busy = false;
  let wake = () => {}; // ends the pause before the first noisy copies

  /** @returns {PixelPlace | null} */
  function lookUp() {
    const { image, network, window } = explorer;
    const { pixel, box, epoch, edits } = explorer.state;
    /** @type {Box | null} */
    const chosen = box ?? (pixel && [...pixel, 1, 1]);
    if (!chosen) return null;
    const { top: above, left: before } = window;
    const scene = JSON.stringify([image.key, network.parameters, epoch, above, before, window.height, window.width]);
    const [top, left, height, width] = chosen;
    const inside = top >= window.top && left >= window.left
      && top + height <= window.top + window.height && left + width <= window.left + window.width;
    return { key: `${scene} ${edits} ${chosen}`, scene, box: [...chosen], inside, known: {}, stopped: false };
  }

  /** What is to be requested next, seen from here and now. */
  function due() {
    if (!place?.inside || isHeldBack(explorer)) return null;
    const { known, stopped } = place;
    /** @type {Weights[]} */
    const wanted = explorer.state.random ? ["random", "trained"] : ["trained"]; // random maps are there to be compared
    for (const weights of wanted) if (!known[weights]) return { place, weights, piece: null };
    for (const weights of stopped ? [] : wanted) {
      const findings = known[weights];
      if (findings?.logit !== undefined && !findings.error && !findings.smooth) {
        return { place, weights, piece: findings.pieces?.length ?? 0 };
      }
    }
    return null;
  }

  async function pump() {
    if (busy) return;
    busy = true;
    for (let job = due(); job; job = due()) {
      const { weights, piece } = job;
      if (piece === 0) {
        await /** @type {Promise<void>} */ (new Promise((done) => { wake = done; setTimeout(done, PIXEL_PAUSE); }));
        const now = due();
        if (now?.place !== job.place || now.weights !== weights || now.piece !== piece) continue;
      }
      const { box } = job.place, random = weights === "random";
      const isWanted = () => job.place === place && place.key === lookUp()?.key;
      try {
        if (piece === null) {
          const found = await explorer.request({ kind: "pixel", box, random });
          if (isWanted()) { job.place.known[weights] = found; show(weights, true); }
        } else {
          const found = await explorer.request({ kind: "smooth", box, samples: COPIES_IN_PIECE, seed: piece, random });
          if (isWanted()) { addPiece(job.place.known, weights, found.gradient); show(weights, false); }
        }
      } catch (error) {
        if (!isWanted()) continue;
        job.place.known[weights] = { ...job.place.known[weights], error: String(/** @type {Error} */ (error).message) };
        show(weights, true);
      }
    }
    busy = false;
  }

  /** @param {Known} known @param {Weights} weights @param {Float32Array} gradient */
  function addPiece(known, weights, gradient) {
    const findings = /** @type {PixelFindings} */ (known[weights]);
    const pieces = [...(findings.pieces ?? []), gradient];
    const smooth = pieces.length === COPY_PIECES ? resolveMap(pieces, explorer.window) : undefined;
    known[weights] = { ...findings, pieces, smooth };
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
    /** Requests no more noisy copies of this place. */
    stop() { if (place) place.stopped = true; },
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
