// Maps of other images, to compare with: of those that were opened on this page, and of the samples.

import { crop } from "../lib/region.js";
import { everySite, wiresOf } from "../network_values.js";

/** @import { Explorer, Maps, Request, Size, ViewState } from "../types.js" */
/**
 * @typedef {object} SeenImage
 * @property {string} name
 * @property {string} conditions how the network or the input was changed, in words; empty where they were not
 * @property {string} network which network made the maps
 * @property {string} image the image's key; empty for a sample
 * @property {Uint8Array} grey of the part whose maps they are
 * @property {Size} window its size
 * @property {Record<string, Maps>} sites
 */

export const MOST_SEEN = 8; // images whose maps are kept: about 2 MB each

/** What of the network and its input is not as for an unchanged image, in words. @param {ViewState} state */
export function changedWords({ cuts, fill, edits }) {
  const substitute = fill === "zero" ? "" : ` (${fill} in ${cuts.length === 1 ? "its" : "their"} place)`;
  return [cuts.length && `without ${cuts.join(", ")}${substitute}`, edits && "changed input"].filter(Boolean).join(", ");
}

/** Only maps of one network are compared; cuts leave it the same. @param {Explorer} explorer */
const networkName = ({ weights, network: { parameters }, state: { random, epoch } }) =>
  JSON.stringify([weights, parameters, random, epoch]);

/** @param {Explorer} explorer */
export function seenImages(explorer) {
  /** @type {Map<string, SeenImage>} */
  const seen = new Map(); // the one that was used last is the last

  /** @param {string} key @param {SeenImage} entry */
  function put(key, entry) {
    seen.delete(key);
    seen.set(key, entry);
    if (seen.size > MOST_SEEN) seen.delete([...seen.keys()][0]);
    return entry;
  }

  return {
    /** Keeps the maps that have come, in place of older ones of the same image. */
    keep() {
      const { maps, image, window } = explorer, network = networkName(explorer);
      if (!maps) return;
      const { height, width } = window, grey = crop(image.grey, image, window);
      const conditions = changedWords(explorer.state), { name, key } = image;
      put(`${network} ${key}`, { name, conditions, network, image: key, grey, window: { height, width }, sites: maps.sites });
    },

    /** Those that can be compared with the open image, by the key they are kept by. */
    others() {
      const network = networkName(explorer), { samples } = explorer.network;
      return [...seen].filter(([, { name, conditions, image, network: own }]) =>
        own === network && image && image !== explorer.image.key && (conditions || !samples.includes(name)));
    },

    /** @param {string} key */
    find: (key) => seen.get(key),

    /**
     * A sample by the network as it is now, cuts and all; its maps are requested once.
     * @param {string} name
     * @returns {Promise<SeenImage>}
     */
    async sample(name) {
      const { cuts, fill } = explorer.state, network = networkName(explorer);
      const conditions = changedWords({ ...explorer.state, edits: "" });
      const key = `${network} ${wiresOf(explorer)} ${name}`;
      const found = seen.get(key);
      if (found) return put(key, found);
      /** @type {Extract<Request, { sample: string }>} */
      const request = { kind: "maps", cuts, fill, sample: name, window: [0, 0], input: "" };
      const { sites, grey } = await explorer.request(request);
      if (!grey) throw new Error("its maps are not here");
      const { height, width } = sites.encoder1, window = { height, width };
      return put(key, { name, conditions, network, image: "", grey, window, sites: everySite(explorer, sites) });
    },
  };
}
