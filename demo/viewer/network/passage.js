// The forward pass in words: what each site is computed from, and how.  unet/model.py is what they are about.

import { plural } from "../lib/format.js";
import { siteGrid } from "../lib/region.js";

/** @import { Explorer, Maps, NetworkConfig, Site } from "../types.js" */

const CONVOLUTIONS = "two 3 × 3 convolutions"; // of a plain block as of a residual one

/**
 * The sites that each site is computed from; `image` is the input.
 * @param {Site[]} sites in the order of the forward pass
 * @returns {Record<string, string[]>}
 */
export function sourcesOf(sites) {
  const depth = sites.filter(({ name }) => name.startsWith("encoder")).length;
  return Object.fromEntries(sites.map(({ name }) => {
    const kind = name.replace(/\d+$/, ""), level = Number(name.slice(kind.length));
    const sources = {
      encoder: [level === 1 ? "image" : `encoder${level - 1}`], bottleneck: [`encoder${depth}`],
      skip: [`encoder${level}`], up: [level === depth ? "bottleneck" : `decoder${level + 1}`],
      decoder: [`skip${level}`, `up${level}`], logits: ["decoder1"],
    };
    return [name, sources[/** @type {keyof typeof sources} */ (kind)]];
  }));
}

/** How the encoder comes to a level below the first. @param {NetworkConfig} config */
const halvingWords = ({ encoder }) => (encoder === "blocks"
  ? `after max pooling by 2 and ${CONVOLUTIONS}`
  : "by blocks of EfficientNet-Lite0, the first of which halves the size");

/** What takes the place of what is cut. @param {string} fill @param {string} of whose maps */
function substitute(fill, of) {
  if (fill === "zero") return `zeros take the place of ${of}`;
  return fill === "mean" ? `each map's own mean takes the place of ${of}` : `those of ${fill} take the place of ${of}`;
}

/**
 * What happens at a site, in one sentence, in the shapes of this network and this image.
 * @param {Explorer} explorer
 * @param {Site} site
 */
export function passageWords(explorer, site) {
  const { network: { config, sites }, state: { cuts, fill }, window } = explorer;
  const kind = site.name.replace(/\d+$/, "");
  const { height, width } = siteGrid(explorer, site), size = `${height} × ${width}`;
  const maps = plural(site.channels, "map"), made = `${site.name}: ${maps} of ${size}`;
  const [source, second] = sourcesOf(sites)[site.name];
  const channelsOf = (/** @type {string} */ name) => sites.find((one) => one.name === name)?.channels ?? 0;
  if (cuts.includes(site.name)) return `${site.name} is cut: ${substitute(fill, `its ${maps}`)}.`;
  if (kind === "encoder" && source === "image") {
    const [rows, columns] = [window.height, window.width].map((length) => paddedLength(length, config.depth));
    const mirrored = rows === window.height && columns === window.width ? "" : ` (mirrored to ${rows} × ${columns})`;
    const how = config.encoder === "blocks" ? CONVOLUTIONS : "the stem and the first block of EfficientNet-Lite0";
    return `${made}, made of the image${mirrored} by ${how}.`;
  }
  if (kind === "encoder" || kind === "bottleneck") return `${made}, ${halvingWords(config)}.`;
  if (kind === "skip") return `${site.name}: the ${maps} of ${source} cross to the decoder as they are.`;
  if (kind === "up") {
    return config.upsample === "bilinear"
      ? `${made}: a 1 × 1 convolution of ${source}, enlarged by 2 (bilinear).`
      : `${made}: ${source}, enlarged by 2 by a transposed 2 × 2 convolution.`;
  }
  if (kind === "decoder") {
    const joined = channelsOf(source) + channelsOf(second);
    return `${made}, from ${source} and ${second} joined (${joined}) by ${CONVOLUTIONS}.`;
  }
  return `${site.name}: a 1 × 1 convolution of ${source}; temperature and sigmoid make it the probability.`;
}

/** unet.image.Padding: the next multiple of the deepest stride. @param {number} length @param {number} depth */
const paddedLength = (length, depth) => Math.ceil(length / 2 ** depth) * 2 ** depth;

/** The channel with the largest mean size of its values; null where all are 0. @param {Maps} map */
export function strongestMap({ values, low, high, channels, height, width }) {
  const size = height * width;
  let strongest = null, most = 0;
  for (let channel = 0, j = 0; channel < channels; channel++) {
    const start = low[channel], step = (high[channel] - start) / 255;
    let sum = 0;
    for (let i = 0; i < size; i++, j++) sum += Math.abs(start + step * values[j]);
    if (sum > most) [strongest, most] = [channel, sum];
  }
  return strongest;
}
