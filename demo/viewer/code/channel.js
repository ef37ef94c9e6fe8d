// Python for what is known of a block's channels: alike places, and the dossier of one.

import { weightsPath, trainedNetwork, windowSlice } from "./network.js";
import { pythonLines, pythonScript } from "./script.js";

/** @import { Explorer, Place } from "../types.js" */

/** How alike a block's features are everywhere to those at one place, of `trace`. @param {Explorer} explorer */
export function alikeLines(explorer) {
  const { state: { layer, alike }, window } = explorer, [row, column] = /** @type {Place} */ (alike);
  const [down, across] = [row - window.top, column - window.left];
  return pythonLines(
    "import numpy as np",
    `maps = trace.crop("${layer}")  # (channels, rows, columns)`,
    `stride = trace.padding.padded_height // trace.sites["${layer}"].shape[1]`,
    `row, column = ${down} + trace.padding.top % stride, ${across} + trace.padding.left % stride`
      + (windowSlice(explorer) && "  # in the opened part"),
    "vector = maps[:, row // stride, column // stride]",
    "norms = np.linalg.norm(maps, axis=0)",
    "norms[norms == 0] = np.nan  # nothing but 0 has no direction",
    "similarity = np.tensordot(vector, maps, 1) / (np.linalg.norm(vector) * norms)",
    'print(f"half of all places are above {np.nanmedian(similarity):.2f}, the least alike has {np.nanmin(similarity):.2f}")',
  );
}

/** What stands beside the weights about a channel, computed once over many tiles. @param {Explorer} explorer */
export function dossierCode(explorer) {
  const { state: { layer, channel }, network: { code } } = explorer;
  return pythonScript([trainedNetwork(explorer), pythonLines(
    "from unet.explain.dossier import read_dossier, site_of", weightsPath(code).imports,
    `dossier = read_dossier(${weightsPath(code).expression}, segmenter.card.sha256)`,
    `found = dossier.sites[site_of("${layer}")][${channel}]`,
    'print(f"dead: {found.dead}, highest activation {found.highest:.3g}, above 0 in {100 * found.active:.1f} %")',
    "if found.nearest:",
    '    print(f"most similar: map {found.nearest.channel}, correlation {found.nearest.correlation:.3f}")',
    "if found.effect:",
    '    print(f"effect {found.effect.change.value:.3g} over {dossier.basis.effect_tiles} tiles")',
    "# Also in it: found.gain, found.shift and found.rotation, over dossier.basis.gains, .shifts and .angles.",
  )]);
}
