// The maps and the combinations of cuts of what is chosen now, requested when it changes.

import { isWhole } from "./lib/region.js";
import { largestOf } from "./lib/statistics.js";

/** @import { CutTable, CutsResponse, Explorer, Shown } from "./types.js" */

/** What is cut, and what stands in its place. @param {Explorer} explorer */
export const wiresOf = (explorer) => `${explorer.state.fill} ${explorer.cutIndex()}`;

/** Which network responds, and what it sees. @param {Explorer} explorer */
const networkOf = ({ state: { random, epoch, edits, window } }) => [random, epoch, edits, window];

/** Twelve bits a probability, in two planes that deflate well. @param {CutsResponse} response @returns {CutTable} */
function cutTable({ parts, high, low, height, width }) {
  const size = height * width;
  /** @type {Map<number, Float32Array>} */
  const unpacked = new Map();
  return {
    parts, height, width,
    probability(index) {
      let values = unpacked.get(index);
      if (!values) {
        values = new Float32Array(size);
        for (let i = 0, j = index * size; i < size; i++, j++) values[i] = (256 * high[j] + low[j]) / 4095;
        unpacked.set(index, values);
      }
      return values;
    },
  };
}

/**
 * What the image shows: the network's probability, or in the opened window that of the network without some of its
 * parts.
 * @param {Explorer} explorer
 * @returns {Shown}
 */
export function shownNow({ image, cuts, tta: averaged, state, window, cutIndex }) {
  const altered = cuts !== null && (state.random || cutIndex() > 0);
  const tta = averaged !== null && !altered;
  let probability = tta ? averaged : image.probability;
  if (altered && isWhole(image, window)) probability = cuts.probability(cutIndex());
  else if (altered) {
    const values = cuts.probability(cutIndex());
    probability = probability.slice();
    for (let row = 0; row < window.height; row++) {
      const part = values.subarray(row * window.width, (row + 1) * window.width);
      probability.set(part, (window.top + row) * image.width + window.left);
    }
  }
  return { probability, highest: largestOf(probability), altered, tta };
}

/** @param {Explorer} explorer @param {(name: string) => void} touch says what has come */
export function networkValues(explorer, touch) {
  /**
   * What was requested is still wanted when the response comes; null where it is not.
   * @template T
   * @param {Promise<T>} response
   * @param {() => unknown} wanted
   * @returns {Promise<{ response: T, error?: undefined } | { response?: undefined, error: string } | null>}
   */
  async function whileWanted(response, wanted) {
    const { image } = explorer;
    const before = JSON.stringify(wanted());
    const isCurrent = () => image === explorer.image && before === JSON.stringify(wanted());
    try {
      const found = await response;
      return isCurrent() ? { response: found } : null;
    } catch (error) {
      if (!isCurrent()) return null;
      const { message } = /** @type {Error} */ (error);
      explorer.say(message);
      return { error: message };
    }
  }

  async function fetchMaps() {
    const { cuts, fill } = explorer.state;
    const request = explorer.request({ kind: "maps", cuts, fill });
    const found = await whileWanted(request, () => [wiresOf(explorer), ...networkOf(explorer)]);
    if (!found?.response) return;
    const { sites } = found.response;
    // What crosses uncut is the encoder's output itself, and travels once.
    for (const { name } of explorer.network.sites) sites[name] ??= sites[name.replace("skip", "encoder")];
    explorer.maps = { sites, cuts: wiresOf(explorer) };
    touch("maps");
  }

  async function fetchCuts() {
    const request = explorer.request({ kind: "cuts", fill: explorer.state.fill });
    const found = await whileWanted(request, () => [explorer.state.fill, ...networkOf(explorer)]);
    if (!found) return;
    explorer.cutsError = found.error ?? null;
    if (found.response) explorer.cuts = cutTable(found.response);
    touch("cuts");
  }

  async function fetchTta() {
    explorer.tta = null;
    if (!explorer.state.tta) return;
    const found = await whileWanted(explorer.request({ kind: "tta" }), () => explorer.state.tta);
    if (found?.error) explorer.set({ tta: false, answer: found.error });
    if (!found?.response) return;
    explorer.tta = found.response.probability;
    touch("tta-values");
  }

  async function fetchUncertainty() {
    explorer.uncertainty = null;
    if (explorer.state.look !== "uncertainty") return;
    const wanted = () => [explorer.state.look, ...networkOf(explorer)];
    const found = await whileWanted(explorer.request({ kind: "uncertainty" }), wanted);
    if (found?.error) explorer.set({ look: "fill", answer: found.error });
    if (!found?.response) return;
    explorer.uncertainty = found.response;
    touch("uncertainty");
  }

  async function fetchOther() {
    explorer.other = explorer.otherError = null;
    const { other } = explorer.state;
    if (!other) return;
    const found = await whileWanted(explorer.request({ kind: "other", weights: other }), () => explorer.state.other);
    if (!found) return;
    explorer.otherError = found.error ?? null;
    explorer.other = found.response ?? null;
    touch("otherWeights");
  }

  return { fetchMaps, fetchCuts, fetchTta, fetchUncertainty, fetchOther };
}
