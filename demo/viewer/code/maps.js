// Python for the maps of a block: all of them by what they are sorted by, one of them, or alike places.

import { alikeLines } from "./channel.js";
import { partProbability } from "./image.js";
import { pythonLines, pythonScript } from "./script.js";
import { seeksAlike } from "../maps/similarity.js";
import { seenName } from "./network.js";
import { tracedScene } from "./panels.js";

/** @import { Explorer } from "../types.js" */

/** The mask averaged down to the grid of the maps, as `salt`, and its correlation with each. @param {Explorer} explorer */
const agreementLines = (explorer) => pythonLines(
  "import numpy as np", "from unet import metrics",
  `mask = metrics.mask(${partProbability(explorer)}, ${explorer.state.threshold})`,
  "stride = trace.padding.padded_height // trace.sites[site].shape[1]",
  "rows, columns = np.indices(mask.shape)",
  "rows, columns = rows + trace.padding.top % stride, columns + trace.padding.left % stride",
  "cells = (rows // stride * maps.shape[2] + columns // stride).ravel()",
  "salt = np.bincount(cells, mask.ravel()) / np.bincount(cells)",
  'with np.errstate(invalid="ignore"):  # of a map that is the same everywhere',
  "    values = np.array([np.corrcoef(one.ravel(), salt)[0, 1] for one in maps])",
);

/**
 * What the maps are sorted by: the lines that make `values`, of effects that of the chosen map alone, and how one is printed.
 * @param {Explorer} explorer
 * @returns {{ lines: string, words: string }}
 */
function sortLines(explorer) {
  const { sort, channel } = explorer.state;
  if (sort === "agreement") return { lines: agreementLines(explorer), words: "agreement {value:.3g}" };
  if (sort === "effect") {
    // Whatever is cut for the maps, all wires are connected for their effects.
    const which = channel === null ? "" : `, [${channel}]`;
    const lines = `from unet import explain\nvalues = explain.channel_effects(segmenter, ${seenName(explorer)}, site${which})`;
    return { lines, words: "effect {value:.3g}" };
  }
  if (sort === "sparsity") {
    return { lines: "values = (maps <= 0).mean(axis=(1, 2))", words: "{100 * value:.1f} % at zero or below" };
  }
  return { lines: "values = maps.mean(axis=(1, 2))", words: "mean {value:.3g}" };
}

/** @param {Explorer} explorer */
export function mapsCode(explorer) {
  const { layer, channel, sort } = explorer.state, start = tracedScene(explorer);
  if (!layer) {
    return pythonScript([...start, pythonLines(
      "for name in trace.sites:",
      "    maps = trace.crop(name)",
      '    print(f"{name}: {maps.shape[0]} maps of {maps.shape[1]} x {maps.shape[2]}")',
    )]);
  }
  if (layer === "logits") {
    return pythonScript([...start, pythonLines(
      `probability = ${partProbability(explorer)}`,
      'print(f"mean {probability.mean():.3g}, lowest {probability.min():.3g}, highest {probability.max():.3g}")',
    )]);
  }
  if (seeksAlike(explorer.state)) return pythonScript([...start, alikeLines(explorer)]);
  const opened = pythonLines(`site = "${layer}"`, "maps = trace.crop(site)  # (channels, rows, columns)");
  const { lines, words } = sortLines(explorer);
  if (channel === null) {
    return pythonScript([...start, pythonLines(
      opened, 'print(f"{len(maps)} maps of {maps.shape[1]} x {maps.shape[2]}")', lines,
      "for channel in np.argsort(-values)[:10]:  # the ten largest", "    value = values[channel]",
      `    print(f"map {channel}: ${words}")`, "import numpy as np",
    )]);
  }
  return pythonScript([...start, pythonLines(
    opened, `one = maps[${channel}]`,
    'print(f"mean {one.mean():.3g}, highest {one.max():.3g}")',
    'print(f"{100 * (one <= 0).mean():.1f} % at zero or below, lowest {one.min():.3g}")',
  ), (sort === "effect" || sort === "agreement") && pythonLines(lines, `value = values[${sort === "effect" ? 0 : channel}]`, `print(f"${words}")`)]);
}
