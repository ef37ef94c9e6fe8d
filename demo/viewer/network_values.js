// The maps and the combinations of cuts of what is chosen now, requested when it changes.

import { isWhole } from "./lib/region.js";
import { largestOf } from "./lib/statistics.js";

/** @import { CutTable, CutsResponse, Explorer, Planes, Maps, Shown } from "./types.js" */

/** What is cut, and what stands in its place. @param {Explorer} explorer */
export const wiresOf = (explorer) => `${explorer.state.fill} ${explorer.cutIndex()}`;

/** Why there are no maps of what is cut now; those that are there are then of the network uncut. @param {Explorer} explorer */
export const mapsTrouble = (explorer) => (explorer.maps?.cuts === wiresOf(explorer) ? null : explorer.mapsError);

/** Which network responds, and what it sees. @param {Explorer} explorer */
const networkOf = ({ state: { random, epoch, edits, window } }) => [random, epoch, edits, window];

/**
 * The maps of all sites: what crosses uncut is the encoder's output itself, and travels once.
 * @param {Explorer} explorer
 * @param {Record<string, Maps>} sites
 */
export function everySite({ network }, sites) {
  for (const { name } of network.sites) sites[name] ??= sites[name.replace("skip", "encoder")];
  return sites;
}

/**
 * Several probabilities of the window, of twelve bits in two planes that deflate well.
 * @param {Planes} response
 * @returns {(index: number) => Float32Array}
 */
function probabilityRows({ high, low, height, width }) {
  const size = height * width;
  /** @type {Map<number, Float32Array>} */
  const unpacked = new Map();
  return (index) => {
    let values = unpacked.get(index);
    if (!values) {
      values = new Float32Array(size);
      for (let i = 0, j = index * size; i < size; i++, j++) values[i] = (256 * high[j] + low[j]) / 4095;
      unpacked.set(index, values);
    }
    return values;
  };
}

/** @param {CutsResponse} response @returns {CutTable} */
const cutTable = (response) => ({ ...response, probability: probabilityRows(response) });

/** The probability by the snapshot that is chosen, where it is there. @param {Explorer} explorer */
const probabilityOfEpoch = ({ epochs, state: { epoch } }) =>
  (epoch === null ? null : epochs?.probability(epoch) ?? null);

/** Whether something else than the trained network and the image itself is asked for. @param {Explorer} explorer */
const asksOther = ({ input, state: { random, epoch } }) => input !== "" || random || epoch !== null;

/** What a mask belongs to that may be shown until the next one comes: a changed input or an epoch follows a hand. @param {Explorer} explorer */
const sceneOf = ({ original, window, state: { random } }) => JSON.stringify([original.key, window, random]);

/** What belongs to the probability that is asked for. @param {Explorer} explorer */
const askedFor = (explorer) => JSON.stringify([sceneOf(explorer), explorer.input, explorer.state.epoch]);

/**
 * The probability of the opened window of the changed input or the other network that is asked for; null while it is
 * computed, and where nothing is changed.
 * @param {Explorer} explorer
 */
export function predictedNow(explorer) {
  if (probabilityOfEpoch(explorer)) return probabilityOfEpoch(explorer);
  return explorer.predicted?.asked === askedFor(explorer) ? explorer.predicted.probability : null;
}

/**
 * What the image shows: the network's probability, or in the opened window that of another network or of a changed input.
 * @param {Explorer} explorer
 * @returns {Shown}
 */
export function shownNow(explorer) {
  const { image, cuts, tta: averaged, window, predicted, shown } = explorer, cut = explorer.cutIndex();
  const scene = `${sceneOf(explorer)} ${wiresOf(explorer)}`;
  let part = null;
  if (cut) part = cuts?.probability(cut);
  else if (probabilityOfEpoch(explorer)) part = probabilityOfEpoch(explorer);
  else if (asksOther(explorer) && predicted?.scene === sceneOf(explorer)) part = predicted.probability;
  const isLate = !part && asksOther(explorer) && shown?.altered && shown.scene === scene;
  if (isLate && !explorer.predictedError) return shown; // no other mask in between
  const altered = Boolean(part), tta = averaged !== null && !altered;
  let probability = tta ? averaged : image.probability;
  if (part && isWhole(image, window)) probability = part;
  else if (part) {
    probability = probability.slice();
    for (let row = 0; row < window.height; row++) {
      const values = part.subarray(row * window.width, (row + 1) * window.width);
      probability.set(values, (window.top + row) * image.width + window.left);
    }
  }
  return { probability, highest: largestOf(probability), altered, tta, scene };
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
    const { original } = explorer;
    const before = JSON.stringify(wanted());
    const isCurrent = () => original === explorer.original && before === JSON.stringify(wanted());
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

  let isPredicting = false;

  /**
   * The mask of what is asked for, as fast as it goes.  Of the inputs that a hand passes while one is computed only the
   * newest is requested; each response is shown, late as it may be: a mask that follows is better than one that waits.
   */
  async function fetchPredicted() {
    const drop = () => { if (!asksOther(explorer)) explorer.predicted = explorer.predictedError = null; };
    drop();
    if (isPredicting) return;
    isPredicting = true;
    for (let asked = ""; asksOther(explorer) && !probabilityOfEpoch(explorer) && asked !== askedFor(explorer);) {
      asked = askedFor(explorer);
      explorer.predictedError = null;
      const scene = sceneOf(explorer);
      /** @type {Explorer["predicted"]} */
      let found = null;
      let trouble = null;
      try {
        const { probability } = await explorer.request({ kind: "predict" });
        found = { probability, scene, asked };
      } catch (error) {
        trouble = /** @type {Error} */ (error).message;
      }
      if (scene !== sceneOf(explorer) || (trouble && asked !== askedFor(explorer))) continue;
      explorer.predicted = found;
      explorer.predictedError = trouble;
      if (trouble) explorer.say(trouble);
      touch("predicted");
    }
    isPredicting = false;
    drop();
  }

  async function fetchMaps() {
    const { cuts, fill } = explorer.state;
    explorer.mapsError = null;
    const request = explorer.request({ kind: "maps", cuts, fill });
    const found = await whileWanted(request, () => [wiresOf(explorer), ...networkOf(explorer)]);
    if (!found) return;
    explorer.mapsError = found.error ?? null;
    if (found.error && cuts.length && !explorer.maps) return fetchUncutMaps();
    if (found.response) explorer.maps = { sites: everySite(explorer, found.response.sites), cuts: wiresOf(explorer) };
    touch("maps");
  }

  /** What is cut has no maps: those of the whole network are better than none. */
  async function fetchUncutMaps() {
    const { fill } = explorer.state;
    const found = await whileWanted(explorer.request({ kind: "maps", cuts: [], fill }), () => networkOf(explorer));
    if (!found || explorer.maps) return;
    if (found.response) explorer.maps = { sites: everySite(explorer, found.response.sites), cuts: `${fill} 0` };
    touch("maps");
  }

  async function fetchCuts() {
    explorer.cutsError = null;
    const request = explorer.request({ kind: "cuts", fill: explorer.state.fill });
    const found = await whileWanted(request, () => [explorer.state.fill, ...networkOf(explorer)]);
    if (!found) return;
    explorer.cutsError = found.error ?? null;
    if (found.response) explorer.cuts = cutTable(found.response);
    touch("cuts");
  }

  /** The masks of all epochs, so that none is waited for. */
  async function fetchEpochs() {
    const { network: { epochs } } = explorer;
    explorer.epochs = explorer.epochsError = null;
    const wanted = () => [explorer.window, explorer.input];
    const found = await whileWanted(explorer.request({ kind: "epochs", epoch: null, random: false }), wanted);
    if (!found) return;
    explorer.epochsError = found.error ?? null;
    if (found.response) {
      const rows = probabilityRows(found.response), { validation } = found.response;
      const row = (/** @type {number | null} */ epoch) => (epoch === null ? epochs.length : epochs.indexOf(epoch));
      explorer.epochs = { probability: (epoch) => rows(row(epoch)), validation: (epoch) => validation[row(epoch)] };
    }
    touch("epochs");
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

  return { fetchPredicted, fetchMaps, fetchCuts, fetchEpochs, fetchTta, fetchUncertainty, fetchOther };
}
