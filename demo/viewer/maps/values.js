// What is known of the maps of a site: their values, and the numbers they are sorted by.

import { cached } from "../lib/cache.js";
import { correlation } from "../lib/statistics.js";
import { siteGrid, windowProbability } from "../lib/region.js";

/** @import { Explorer, Maps, Site } from "../types.js" */
/** @typedef {ReturnType<typeof mapValues>} MapValues */

const MAPS_IN_PIECE = 8; // maps whose effects one request asks for: other questions wait no longer than for that

/** Mean and sparsity of every map of a site; sparsity is the share of values at zero or below. */
export const mapNumbers = cached((/** @type {Maps} */ { values, low, high, channels, height, width }) => {
  const size = height * width;
  const mean = new Float32Array(channels), sparsity = new Float32Array(channels);
  for (let channel = 0, j = 0; channel < channels; channel++) {
    const spread = high[channel] - low[channel];
    // The last of the 256 levels that is not above zero.
    const last = low[channel] > 0 ? -1 : spread > 0 ? Math.floor((-255 * low[channel]) / spread) : 255;
    let sum = 0, quiet = 0;
    for (let i = 0; i < size; i++, j++) {
      sum += values[j];
      if (values[j] <= last) quiet++;
    }
    mean[channel] = low[channel] + (spread * sum) / size / 255;
    sparsity[channel] = quiet / size;
  }
  return { mean, sparsity };
});

/**
 * The shown mask averaged down to a map's grid: the share of salt in every cell.
 * @param {Explorer} explorer
 * @param {ReturnType<typeof siteGrid>} grid
 */
function maskCells(explorer, grid) {
  const { height, width } = explorer.window;
  const limit = Math.fround(explorer.state.threshold);
  const probability = windowProbability(explorer);
  const salt = new Float32Array(grid.height * grid.width);
  const pixels = new Float32Array(salt.length);
  for (let row = 0, i = 0; row < height; row++) {
    const start = Math.floor((row + grid.down) / grid.stride) * grid.width;
    for (let column = 0; column < width; column++, i++) {
      const cell = start + Math.floor((column + grid.right) / grid.stride);
      pixels[cell]++;
      if (probability[i] > limit) salt[cell]++;
    }
  }
  return salt.map((count, cell) => count / pixels[cell]);
}

/**
 * Channels by value, the largest first; equal ones by number, those without a value last.
 * @param {Float32Array} values
 */
export function mapOrder(values) {
  const rank = (/** @type {number} */ channel) => (Number.isNaN(values[channel]) ? -Infinity : values[channel]);
  return Array.from(values, (_, channel) => channel).sort((a, b) => rank(b) - rank(a) || a - b);
}

/** @param {Explorer} explorer */
export function mapValues(explorer) {
  /** @type {Map<string, Float32Array>} */
  const agreements = new Map(); // by site, at the settled threshold
  /** @type {Map<string, Float32Array>} */
  const effects = new Map(); // by image, window, weights, epoch, edits and site; NaN where it is not measured
  /** @type {Set<string>} */
  const measured = new Set(); // of those the ones that are being measured
  /** @type {{ shown?: object, window?: object, map?: Maps }} */
  let probability = {}; // the shown one as a map

  /** @param {string} site */
  const effectKey = (site) => {
    const { image, window: { top, left }, state: { random, epoch, edits } } = explorer;
    return `${image.key} ${top} ${left} ${random} ${epoch} ${edits} ${site}`;
  };

  /** @param {string} site */
  function effectsOf(site) {
    const found = effects.get(effectKey(site)) ?? new Float32Array(known.siteOf(site).channels).fill(NaN);
    effects.set(effectKey(site), found);
    return found;
  }

  /** @param {string} site @param {number} first @param {number} count @returns {Promise<void>} */
  async function measure(site, first, count) {
    const found = effectsOf(site);
    found.set((await explorer.request({ kind: "effects", site, first, count })).effect, first);
  }

  function probabilityMap() {
    const { shown, window } = explorer;
    if (!probability.map || probability.shown !== shown || probability.window !== window) {
      const values = Uint8Array.from(windowProbability(explorer), (value) => Math.round(255 * value));
      const { height, width } = window;
      const map = { values, low: Float32Array.of(0), high: Float32Array.of(1), channels: 1, height, width };
      probability = { shown, window, map };
    }
    return /** @type {Maps} */ (probability.map);
  }

  const known = {
    /** @param {string} name */
    siteOf: (name) => /** @type {Site} */ (explorer.network.sites.find((site) => site.name === name)),

    /** @param {string} name */
    gridOf: (name) => siteGrid(explorer, known.siteOf(name)),

    /**
     * The maps of a site; of the logits one map, the shown probability.  null while they are computed.
     * @param {string} site
     */
    mapOf: (site) => (site === "logits" ? probabilityMap() : explorer.maps?.sites[site] ?? null),

    /**
     * The correlation of every map with the mask; NaN where either is the same everywhere.
     * @param {string} site
     * @param {Maps} map
     */
    agreementOf(site, map) {
      let found = agreements.get(site);
      if (!found) {
        const cells = maskCells(explorer, known.gridOf(site));
        const size = map.height * map.width;
        found = Float32Array.from({ length: map.channels }, (_, channel) =>
          correlation(map.values.subarray(channel * size, (channel + 1) * size), cells));
        agreements.set(site, found);
      }
      return found;
    },

    /** How much the probability changes without a map; NaN where it is not measured. @param {string} site @param {number} channel */
    effectOf: (site, channel) => effectsOf(site)[channel],

    /** How many effects of a site are measured. @param {string} site */
    effectCount: (site) => effectsOf(site).filter((effect) => !Number.isNaN(effect)).length,

    /** What is known already, for one map. @param {string} site @param {number} channel */
    knownOf: (site, channel) => ({ agreement: agreements.get(site)?.[channel], effect: effectsOf(site)[channel] }),

    /** Whether the effects of a site are being measured. @param {string} site */
    isMeasuring: (site) => measured.has(effectKey(site)),

    /** The effect of one map. @param {string} site @param {number} channel */
    measureEffect: (site, channel) => measure(site, channel, 1),

    /**
     * The effects of all maps of a site, piece by piece, as long as they are wanted.
     * @param {string} site
     * @param {() => boolean} wanted
     * @param {() => void} progressed called after every piece
     */
    async measureEffects(site, wanted, progressed) {
      const key = effectKey(site), found = effectsOf(site);
      measured.add(key);
      try {
        for (let first = 0; first < found.length; first += MAPS_IN_PIECE) {
          const count = Math.min(MAPS_IN_PIECE, found.length - first);
          if (!found.subarray(first, first + count).some(Number.isNaN)) continue;
          if (effectKey(site) !== key || !wanted()) return;
          await measure(site, first, count);
          if (effectKey(site) === key && wanted()) progressed();
        }
      } finally {
        measured.delete(key);
      }
    },

    /**
     * What the maps are sorted by, one value each; null while it is computed, undefined for the order of numbers.
     * @param {string} site
     * @param {Maps} map
     */
    sortValues(site, map) {
      const { sort } = explorer.state;
      if (sort === "mean" || sort === "sparsity") return mapNumbers(map)[sort];
      if (sort === "agreement") return known.agreementOf(site, map);
      if (sort === "effect" && site !== "logits") return known.effectCount(site) === map.channels ? effectsOf(site) : null;
      return undefined;
    },

    forgetAgreements: () => agreements.clear(),
    forgetEffects: () => effects.clear(),
  };
  return known;
}
