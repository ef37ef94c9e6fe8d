// The dossier of the chosen channel: computed once for the finished network, over many tiles, not for the open image.

import { dossierCharts } from "./charts.js";
import { dossierTiles } from "./tiles.js";
import { h, uniqueName } from "../lib/dom.js";
import { fixed, percent, plural, significant, signed, wholeNumber } from "../lib/format.js";
import { seeksAlike } from "../maps/similarity.js";
import { whileOpen } from "../tabs.js";

/** @import { DossierBasis, DossierEstimate, DossierResponse, Explorer, Update } from "../types.js" */

/** docs/dossier.md says the same at length. @param {DossierBasis} basis */
const MEASURES = ({ synthetic, real, effect_tiles: effects, effect_of: of, sections }) => [
  ["Tiles", `${wholeNumber(synthetic)} synthetic ones`
    + (real ? `, and ${wholeNumber(real.count)} of the survey, ${real.split === "val" ? "the validation tiles" : "all of them"}. ` : ". ")
    + "They are explored here, not scored. The ring is the middle of the cell with the highest value."],
  ["Dead", "one value at every position of every tile; behind a ReLU that is 0."],
  ["Double", "its correlation with another map of this block, over all positions of all tiles, is above 0.95 or below −0.95."],
  ["Effect", `the mean change of a pixel's probability, and of the IoU with the ground truth, when this map alone is 0: over `
    + `${wholeNumber(effects)} ${of === "real" ? "survey" : "synthetic"} tiles with salt. Brackets: 95 % intervals (bootstrap over sections).`],
  ["Correlation", "the correlation with the map of the unchanged input, after it is shifted or turned back; 1 is the same map."],
  ["Mean activation", "the mean absolute activation, as a multiple of that of the unchanged input."],
  ["Gain, shift, rotation", "the contrast about the mean grey is multiplied; the section moves sideways; it turns "
    + `counter-clockwise. The curves are over the middle of ${wholeNumber(sections)} synthetic sections.`],
];

/** @param {Explorer} explorer */
export function channelDossier(explorer) {
  const id = `salt-dossier-${uniqueName()}`;
  const verdict = h("p", { "data-testid": "dossier-verdict" });
  const toggle = h("button", {
    "aria-expanded": "false", "aria-controls": id, "data-testid": "dossier-open",
    onclick: () => { isOpen = !isOpen; show(); },
  }, "Dossier");
  const sheet = h("div", { id, class: "sheet", "data-testid": "dossier-sheet", hidden: true });
  const condition = h("p", { class: "note", "data-testid": "dossier-condition" },
    "The dossier is of the finished, trained network and its own tiles, not of what is shown now.");
  const box = h("section", { class: "dossier", "data-testid": "dossier", "aria-label": "Dossier", hidden: true },
    h("div", { class: "row" }, verdict, toggle), condition, sheet);

  let isOpen = false; // stays from channel to channel
  let asked = ""; // the channel that the request is about
  /** @type {DossierResponse | null} */
  let dossier = null;

  async function fetchDossier() {
    const { layer: site, channel } = explorer.state;
    const key = `${explorer.image.key} ${site} ${channel}`;
    if (key === asked) return;
    asked = key;
    dossier = null;
    if (site === null || channel === null || site === "logits") return show();
    verdict.textContent = "Its dossier is read…";
    show();
    let said;
    try {
      // Whatever is shown, it is of the finished network: one request for all of that.
      const response = await explorer.request(
        { kind: "dossier", site, channel, random: false, epoch: null, input: "", window: [0, 0] });
      if (key !== asked) return;
      dossier = response;
      said = verdictWords(response);
      sheet.replaceChildren(...sheetOf(response));
    } catch (error) {
      if (key !== asked) return;
      asked = ""; // it is requested again when the map is next chosen
      said = `Dossier: ${/** @type {Error} */ (error).message}`;
    }
    verdict.textContent = said;
    show();
  }

  function show() {
    const { layer, channel, random, epoch, cuts, edits } = explorer.state;
    // Alike places are looked for in the maps, which the sheet would stand in place of.
    box.hidden = layer === null || layer === "logits" || channel === null || seeksAlike(explorer.state);
    const isShown = isOpen && dossier !== null && !box.hidden;
    toggle.hidden = dossier === null;
    toggle.textContent = isShown ? "Back to the maps" : "Dossier";
    toggle.setAttribute("aria-expanded", String(isShown));
    sheet.hidden = !isShown;
    box.parentElement?.classList.toggle("reading", isShown);
    condition.hidden = !isShown || !(random || epoch !== null || cuts.length || edits);
  }

  /** @type {Update} */
  const update = whileOpen(explorer, "maps", (has) => {
    if (has("layer", "channel", "image")) fetchDossier();
    else if (has("random", "epoch", "cuts", "edits", "alike")) show();
  });

  return { box, update };
}

/** The first line: dead or a double, and its effect. @param {DossierResponse} dossier */
function verdictWords({ found: { dead, nearest, effect }, basis, channel, is_double: isDouble, rank, channels }) {
  const kind = dead ? "dead, the same everywhere"
    : isDouble && nearest ? `double of map ${nearest[0]}, correlation ${fixed(nearest[1], 3)}` : "neither dead nor a double";
  if (!effect) return `Map ${channel}: ${kind}; its effect is not measured yet.`;
  const place = rank === null ? "" : `, rank ${rank} of ${channels}`;
  return `Map ${channel}: ${kind}; effect ${significant(effect.change[0])} over ${plural(basis.effect_tiles, "tile")}${place}.`;
}

/** @param {DossierResponse} dossier */
function sheetOf({ found, basis, synthetic, real, site, source }) {
  const survey = basis.real?.split === "val" ? "validation tiles" : "survey tiles";
  const areAbsent = real.some(({ grey }) => !grey);
  return [
    h("div", { class: "found" },
      h("div", { class: "tops" },
        dossierTiles("Highest in these synthetic tiles", "dossier-synthetic", synthetic, "It is at its lowest in all of them."),
        basis.real && dossierTiles(`Highest in these ${survey}`, "dossier-real", real, "It is at its lowest in all of them."),
        areAbsent && h("p", { class: "note" }, "Survey tiles are drawn where the competition's data are.")),
      h("dl", { "data-testid": "dossier-numbers" }, numberEntries(found).flatMap(([name, value, range]) =>
        [h("dt", {}, name), h("dd", {}, value, range && h("small", {}, ` ${range}`))])),
    ),
    found.dead
      ? h("p", { class: "note" }, "What never changes has no response to draw.")
      : h("div", { class: "responses" }, dossierCharts(found, basis),
        h("ul", { class: "legend" },
          h("li", { class: "correlation" }, h("span", { class: "swatch" }), "correlation with the unchanged map"),
          h("li", { class: "activation" }, h("span", { class: "swatch" }), "mean activation, unchanged = 1"))),
    h("details", { class: "note" }, h("summary", { "data-testid": "dossier-measures" }, "How it was measured"),
      site !== source && h("p", {}, `${site} hands on the maps of ${source}: the dossier is that map's.`),
      h("dl", {}, MEASURES(basis).flatMap(([name, words]) => [h("dt", {}, name), h("dd", {}, words)]))),
  ];
}

/** @param {DossierEstimate} estimate @param {(value: number) => string} words */
const rangeWords = ([, low, high], words) => `[${words(low)}, ${words(high)}]`;

/** Name, value and interval. @param {DossierResponse["found"]} found @returns {[string, string, string][]} */
function numberEntries({ effect, active, nearest, highest }) {
  const iou = (/** @type {number} */ value) => signed(value, 4);
  return [
    ["effect on the probability", effect ? significant(effect.change[0]) : "–",
      effect ? rangeWords(effect.change, (value) => significant(value)) : ""],
    ["effect on the IoU", effect ? iou(effect.iou[0]) : "–", effect ? rangeWords(effect.iou, iou) : ""],
    ["above 0", `${percent(active)} of positions`, ""],
    ["highest", significant(highest), ""],
    ["most like", nearest ? `map ${nearest[0]}, correlation ${fixed(nearest[1], 3)}` : "–", ""],
  ];
}
