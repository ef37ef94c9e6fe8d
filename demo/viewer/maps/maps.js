// All maps of the opened block: sorted, scaled, one of them enlarged.

import { alikePlaces } from "./alike.js";
import { channelDossier } from "../dossier/dossier.js";
import { chosenMap, mapName } from "./chosen.js";
import { decoderSources } from "./sources.js";
import { checkbox, h, setCurrent } from "../lib/dom.js";
import { mapNumbers, mapOrder, mapValues } from "./values.js";
import { mapScale, paletteRamp } from "../lib/color.js";
import { mapTiles } from "./tiles.js";
import { mapsTrouble } from "../network_values.js";
import { seeksAlike } from "./similarity.js";
import { percent, plural, significant } from "../lib/format.js";
import { whileOpen } from "../tabs.js";

/** @import { Explorer, Maps, Update } from "../types.js" */

// What a block is, in one line with what it does not show.
/** @type {Record<string, string>} */
const BLOCKS = {
  encoder: "What this level's convolutions respond to, going down: where a channel responds, not why.",
  bottleneck: "The deepest maps: of the image as a whole, no longer where exactly an edge runs.",
  skip: "The encoder's maps as they are handed across: what is on offer, not what the decoder uses.",
  up: "What the level below knows, enlarged; how smooth or blocky it looks is the enlargement's doing.",
  decoder: "Made of the skip and of what comes from below: closer to the answer, but no probabilities yet.",
  logits: "The answer, as the image shows it now: the network's estimate of how probable salt is.",
};

/** @type {Record<string, [string, string]>} */
const SORTS = {
  number: ["Number", "in the order of their numbers"],
  mean: ["Mean activation", "highest mean first"],
  sparsity: ["Sparsity", "the largest share of values at zero or below first"],
  agreement: ["Agreement with the mask",
    "from +1 to −1: the correlation with the mask at this threshold, averaged down to the map's grid"],
  effect: ["Causal effect",
    "largest effect first: how much a pixel's probability changes when that map alone is 0, all wires connected"],
};

const AGREEMENT_PAUSE = 200; // ms a threshold must rest: agreement takes longer than a frame may

/** @param {HTMLElement} host @param {Explorer} explorer @returns {Update} */
export function mapsPanel(host, explorer) {
  const values = mapValues(explorer);
  const alike = alikePlaces(explorer, values);
  const tiles = mapTiles(explorer, sortText, describe, alike.pick);
  const chosen = chosenMap(explorer, values, alike.pick);
  const sources = decoderSources(explorer, values);
  const dossier = channelDossier(explorer);

  const invitation = h("p", { class: "note" }, "Click a block above: all its maps of this image open here.");
  const title = h("h3");
  const close = h("button", {
    class: "quiet close", "aria-label": "Close", title: "Close", onclick: () => explorer.set({ layer: null, channel: null }),
  }, "×");
  const what = h("p", { class: "note what" });
  const level = h("div", { class: "row level", role: "group", "aria-label": "Blocks of this level" });
  const sort = h(
    "select", { "data-testid": "sort", onchange: () => explorer.set({ sort: sort.value }) },
    Object.entries(SORTS).map(([value, [name]]) => h("option", { value }, name)),
  );
  const shared = checkbox("shared", (checked) => explorer.set({ shared: checked }));
  const ramp = h("canvas", { "aria-hidden": "true" });
  const lowest = h("span"), highest = h("span");
  const controls = h("div", { class: "row controls" }, h("label", {}, "Sort", sort), h("label", {}, shared, "One scale"));
  const legend = h("span", { class: "legend" }, lowest, ramp, highest);
  const status = h("p", { class: "note status", "data-testid": "maps-status" });
  const progress = h("progress", { "aria-label": "Effects measured", "data-testid": "effects-progress" });
  const stop = h("button", { "data-testid": "effects-stop", onclick: () => explorer.set({ sort: "number" }) }, "Stop");
  const measuring = h("div", { class: "row measuring", hidden: true }, progress, stop);
  const sight = h("div", { class: "sight" }, tiles.box, chosen.box, alike.other);
  const opened = h(
    "div", { class: "opened" }, h("div", { class: "row head" }, title, controls, alike.button, close),
    h("div", { class: "row scale" }, level, legend), alike.controls, status, alike.status, measuring,
    dossier.box, sight, alike.explanation, what, sources.box,
  );
  host.append(invitation, opened);

  /** @type {string | null} */
  let drawn = null; // the site whose maps stand there
  let trouble = "", said = "", settling = 0;

  /** All effects of the opened site, as long as it is sorted by them. @param {string} site */
  async function measureEffects(site) {
    const wanted = () => explorer.state.layer === site && explorer.state.sort === "effect";
    const map = values.mapOf(site);
    try {
      await values.measureEffects(site, wanted, () => { describe(null); drawProgress(); chosen.drawNumbers(); });
    } catch (error) {
      trouble = `The effects are not known: ${/** @type {Error} */ (error).message}`;
    }
    if (!wanted()) return;
    if (!trouble && map && values.effectCount(site) === map.channels) explorer.say(`The effects of ${site}'s maps are measured.`);
    drawSite();
  }

  function drawProgress() {
    const { layer, sort: by } = explorer.state;
    const map = layer && values.mapOf(layer);
    measuring.hidden = !map || by !== "effect" || Boolean(trouble) || values.sortValues(layer, map) !== null;
    if (!map || measuring.hidden) return;
    progress.max = map.channels;
    progress.value = values.effectCount(/** @type {string} */ (layer));
  }

  /** The number under a map: what it is sorted by. @param {number} channel */
  function sortText(channel) {
    const { layer, sort: by } = explorer.state;
    const map = layer && values.mapOf(layer), found = map && values.sortValues(layer, map);
    if (!found) return "";
    return by === "sparsity" ? percent(found[channel]) : significant(found[channel], 2);
  }

  /**
   * The line above the grid: one map's numbers while it is pointed at, else how the grid is sorted.
   * @param {number | null} channel
   */
  function describe(channel) {
    const { layer } = explorer.state;
    const map = layer && values.mapOf(layer);
    if (!map) return;
    const isMap = channel !== null && channel < map.channels;
    status.textContent = isMap ? mapWords(layer, map, channel) : sortWords(layer, map);
  }

  /** @param {string} layer @param {Maps} map @param {number} channel */
  function mapWords(layer, map, channel) {
    const { mean, sparsity } = mapNumbers(map);
    const { agreement, effect } = values.knownOf(layer, channel);
    return [
      `map ${channel}: mean ${significant(mean[channel])}`, `${percent(sparsity[channel])} at zero or below`,
      agreement !== undefined && `agreement ${significant(agreement)}`,
      !Number.isNaN(effect) && `effect ${significant(effect)}`,
    ].filter(Boolean).join(" · ");
  }

  /** @param {string} layer @param {Maps} map */
  function sortWords(layer, map) {
    const { sort: by } = explorer.state;
    const missing = mapsTrouble(explorer);
    if (missing) return `Of the network uncut: ${missing}`;
    if (trouble) return trouble;
    if (by === "effect" && values.sortValues(layer, map) === null) {
      return `The effect of each map is measured: ${values.effectCount(layer)} of ${map.channels}…`;
    }
    if (by === "agreement" && values.agreementOf(layer, map).every(Number.isNaN)) {
      return "The mask is the same everywhere in this window: there is nothing to agree with.";
    }
    return map.channels === 1 ? "1 map" : `${map.channels} maps, ${SORTS[by][1]}`;
  }

  function drawSite() {
    const { layer, sort: by } = explorer.state;
    invitation.hidden = Boolean(layer);
    opened.hidden = !layer;
    if (!layer) { drawn = null; return; }
    const kind = layer.replace(/\d+$/, ""), number = layer.slice(kind.length);
    const { stride, height, width } = values.gridOf(layer);
    const covers = stride === 1 ? "a pixel" : `${stride} × ${stride} pixels`;
    title.replaceChildren(layer, h("small", {}, ` ${plural(values.siteOf(layer).channels, "map")} of ${height} × ${width}`));
    what.textContent = `${BLOCKS[kind]} A value is for ${covers}.`;
    drawLevel(layer, number);
    sort.value = by;
    shared.checked = explorer.state.shared;
    controls.hidden = legend.hidden = status.hidden = kind === "logits";

    const map = values.mapOf(layer);
    opened.setAttribute("aria-busy", String(!map && !mapsTrouble(explorer)));
    if (!map) {
      status.textContent = mapsTrouble(explorer) ?? `${layer} is computed…`;
      measuring.hidden = true;
      if (drawn !== layer) for (const part of [tiles, chosen, sources]) part.hide();
      return;
    }
    const sorted = values.sortValues(layer, map);
    if (sorted === null && !trouble && !values.isMeasuring(layer)) measureEffects(layer);
    drawProgress();
    const order = sorted ? mapOrder(sorted) : Array.from({ length: map.channels }, (_, own) => own);
    drawLegend(map);
    describe(null);
    sources.show(kind, number);
    drawChosen();
    tiles.show(map, layer, order, drawn !== layer); // last: what is in sight depends on the rest
    drawn = layer;
  }

  function drawChosen() {
    chosen.draw();
    sight.classList.toggle("beside", !chosen.box.hidden && explorer.state.layer !== "logits");
  }

  /** Ways to the other blocks of this level. @param {string} layer @param {string} number */
  function drawLevel(layer, number) {
    level.hidden = !number;
    if (!number) return;
    if (level.dataset.number !== number) {
      level.dataset.number = number;
      level.replaceChildren(...["encoder", "skip", "up", "decoder"].map((part) => part + number).map((own) =>
        h("button", { "data-testid": `open-${own}`, onclick: () => explorer.set({ layer: own, channel: null }) }, own)));
    }
    for (const button of level.children) setCurrent(button, button.textContent === layer);
  }

  /** @param {Maps} map */
  function drawLegend(map) {
    const { signed, limit } = mapScale(map);
    const { palette, state } = explorer;
    paletteRamp(signed ? palette.diverging : palette.sequential, ramp);
    lowest.textContent = !signed ? "0" : state.shared ? significant(-limit) : "negative";
    highest.textContent = `${state.shared ? significant(limit) : "largest"}${signed ? ", 0 is white" : ""}`;
  }

  function settleThreshold() {
    clearTimeout(settling);
    settling = setTimeout(() => {
      values.forgetAgreements();
      if (host.hidden) return; // it is drawn when it opens
      if (explorer.state.layer && explorer.state.sort === "agreement") drawSite();
      else chosen.drawNumbers();
    }, AGREEMENT_PAUSE);
  }

  /** What was opened, in one sentence. */
  function answer() {
    const { layer, channel } = explorer.state;
    if (!layer) return "";
    const { height, width } = values.gridOf(layer), { channels } = values.siteOf(layer);
    if (layer === "logits" || channel === null) return `${layer} is open: ${plural(channels, "map")} of ${height} × ${width}.`;
    const map = values.mapOf(layer), name = mapName(layer, channel);
    if (!map) return `${name} of ${channels} is open.`;
    const { mean, sparsity } = mapNumbers(map);
    return `${name} of ${channels}: mean ${significant(mean[channel])}, ${percent(sparsity[channel])} at zero or below.`;
  }

  /** The panel answers who opened something, and keeps its own answer true. @type {Update} */
  function say(has) {
    const isOpened = has("layer", "channel") && !has("image");
    const isMine = said !== "" && explorer.state.answer === said;
    if (!(isOpened && explorer.state.layer) && !(isMine && has("layer", "channel", "maps", "window", "random", "epoch", "edits"))) return;
    said = answer();
    explorer.set({ answer: said }, { settled: false });
  }

  const draw = whileOpen(explorer, "maps", (has) => {
    const { layer, sort: by } = explorer.state;
    if (has("layer", "maps", "image", "window", "random", "epoch", "edits", "sort", "shared") ||
      (has("shown") && (layer === "logits" || by === "agreement"))) {
      drawSite();
    } else if (layer && has("channel", "shown") && values.mapOf(layer)) {
      drawChosen();
      if (has("channel")) tiles.mark();
    }
    if (has("hover", "pixel", "alike", "maps", "shown", "image", "window")) chosen.drawSpot();
  });

  return function update(has) {
    if (has("image")) values.forgetEffects();
    if (has("image", "layer", "sort", "random", "epoch", "edits", "window")) trouble = "";
    if (has("maps", "shown", "window", "image")) values.forgetAgreements();
    if (has("threshold") && !has("image")) settleThreshold();
    draw(has);
    chosen.update(has);
    if (has("channel") && !has("image") && explorer.state.channel !== null) chosen.reveal();
    say(has);
    dossier.update(has);
    alike.update(has);
    opened.classList.toggle("seeking", seeksAlike(explorer.state));
  };
}
