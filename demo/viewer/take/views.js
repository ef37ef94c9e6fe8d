// What can be taken along: of every view its Python and its figure.

import { askedBox, compareCode, cutCode, valuesCode, whyCode } from "../code/panels.js";
import { compareFigure, cutFigure, mapsFigure, valuesFigure, whyFigure } from "../figure/panels.js";
import { contains } from "../lib/region.js";
import { dossierCode } from "../code/channel.js";
import { dossierFigure } from "../figure/channel.js";
import { holdCode } from "../code/hold.js";
import { holdFigure } from "../figure/hold.js";
import { mapsCode } from "../code/maps.js";
import { timeCode, touchCode } from "../code/change.js";
import { timeFigure, touchFigure } from "../figure/change.js";
import { curvesCode, imageCode } from "../code/image.js";
import { curvesFigure, imageFigure } from "../figure/image.js";

/** @import { Explorer } from "../types.js" */
/** @import { Figure } from "../figure/figure.js" */
/**
 * @typedef {{ name: string, title: string, code: (explorer: Explorer) => string,
 *   figure: (explorer: Explorer, isWanted: () => boolean) => Figure | Promise<Figure>, lacks?: (explorer: Explorer, what: "python" | "figure") => string }} View
 *   lacks: what has to be done first; empty where nothing has
 */

const COMPUTED = "It is still computed; try again in a moment.";

/** @param {Explorer} explorer */
function lacksPixel(explorer) {
  const box = askedBox(explorer);
  if (!box) return "Click a pixel of the image first.";
  const [top, left, height, width] = box;
  const corners = /** @type {import("../types.js").Place[]} */ ([[top, left], [top + height - 1, left + width - 1]]);
  const isInside = corners.every((corner) => contains(explorer.window, corner));
  return isInside ? "" : "The pixel does not lie inside the opened part; choose another.";
}

/** @type {View[]} */
export const VIEWS = [
  { name: "image", title: "Image", code: imageCode, figure: imageFigure },
  { name: "curves", title: "Threshold curve", code: curvesCode, figure: curvesFigure },
  {
    name: "maps", title: "Maps", code: mapsCode, figure: mapsFigure,
    lacks: ({ state: { layer }, maps }, what) =>
      (what === "python" ? "" : !layer ? "Click a block of the network first." : maps ? "" : COMPUTED),
  },
  {
    name: "dossier", title: "Dossier of a map", code: dossierCode, figure: dossierFigure,
    lacks: ({ state: { layer, channel } }) => (layer && layer !== "logits" && channel !== null ? "" : "Choose a map of a block first."),
  },
  {
    name: "cut", title: "Cut", code: cutCode, figure: cutFigure,
    lacks: ({ state, cuts }, what) =>
      (what === "python" ? "" : !state.cuts.length ? "Cut a part of the network first." : cuts ? "" : COMPUTED),
  },
  { name: "why", title: "Why", code: whyCode, figure: whyFigure, lacks: lacksPixel },
  { name: "hold", title: "Does it hold?", code: holdCode, figure: holdFigure, lacks: lacksPixel },
  {
    name: "values", title: "Values", code: valuesCode, figure: valuesFigure,
    lacks: ({ maps }, what) => (what === "python" || maps ? "" : COMPUTED),
  },
  {
    name: "compare", title: "Compare", code: compareCode, figure: compareFigure,
    lacks: ({ state, other }, what) => (!state.other ? "Choose a second network first." : what === "python" || other ? "" : COMPUTED),
  },
  {
    name: "touch", title: "Touch", code: touchCode, figure: touchFigure,
    lacks: ({ input }) => (input ? "" : "Change the input first, with a tool of the tab Touch."),
  },
  {
    name: "time", title: "Time", code: timeCode, figure: timeFigure,
    lacks: ({ network, epochs }, what) => (!network.epochs.length ? "No snapshots were kept of the run that made these weights."
      : what === "python" || epochs ? "" : COMPUTED),
  },
];
