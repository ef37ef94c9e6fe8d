// One position through every block of the network.

import { contains, siteGrid } from "../lib/region.js";
import { mapsTrouble } from "../network_values.js";
import { h } from "../lib/dom.js";
import { mapScale, paintValues } from "../lib/color.js";
import { mapValues } from "./values.js";
import { seeksAlike } from "./similarity.js";
import { significant } from "../lib/format.js";
import { whileOpen } from "../tabs.js";

/** @import { Explorer, Update } from "../types.js" */

/**
 * Row and column in the window, and whose they are; the middle where neither mouse nor pixel is in it.
 * @param {Explorer} explorer
 */
export function windowPosition({ state, window }) {
  const { hover, pixel, alike } = state;
  const place = hover ?? (seeksAlike(state) ? alike : pixel);
  if (!place || !contains(window, place)) {
    return { row: window.height >> 1, column: window.width >> 1, whose: "the middle" };
  }
  const whose = hover ? "under the mouse" : "the chosen pixel";
  return { row: place[0] - window.top, column: place[1] - window.left, whose };
}

/** @param {HTMLElement} host @param {Explorer} explorer @returns {Update} */
export function valuesPanel(host, explorer) {
  const values = mapValues(explorer);
  const where = h("p", { class: "note", "data-testid": "core-where" }), rows = h("ol");
  host.append(
    where, rows,
    h("p", { class: "note" },
      "A bar's stripes are a block's maps, from 0 on; beside it the strongest. Each block has its own scale of colours."),
  );
  let built = "";
  /** @type {{ canvas: HTMLCanvasElement, words: HTMLButtonElement, strongest: number | null }[]} */
  let bars = []; // one a site

  function build() {
    const { sites } = explorer.network;
    const key = JSON.stringify(sites);
    if (key === built) return;
    built = key;
    bars = sites.map(({ name, channels }) => {
      const canvas = h("canvas", { class: channels <= 128 && "pixelated", "aria-hidden": "true" });
      const onclick = () => { explorer.open("maps"); explorer.set({ layer: name, channel: bar.strongest }); };
      const bar = { canvas, words: h("button", { "data-testid": `core-${name}`, onclick }), strongest: null };
      return bar;
    });
    rows.replaceChildren(...bars.map(({ canvas, words }, i) => h("li", {}, h("span", {}, sites[i].name), canvas, words)));
  }

  function draw() {
    const { row, column, whose } = windowPosition(explorer);
    const place = [explorer.window.top + row, explorer.window.left + column];
    const start = `row ${place[0]}, column ${place[1]}`;
    where.textContent = explorer.maps ? `${start}: ${whose}` : mapsTrouble(explorer) ?? `${start} is computed…`;
    rows.setAttribute("aria-busy", String(!explorer.maps && !mapsTrouble(explorer)));
    if (!explorer.maps) return;
    explorer.network.sites.forEach((site, i) => {
      const map = values.mapOf(site.name);
      if (!map) return;
      const { stride, down, right } = siteGrid(explorer, site);
      const { values: levels, low, high, channels, height, width } = map;
      const size = height * width;
      const cell = Math.floor((row + down) / stride) * width + Math.floor((column + right) / stride);
      const core = new Float32Array(channels);
      let strongest = 0;
      for (let channel = 0, j = cell; channel < channels; channel++, j += size) {
        core[channel] = low[channel] + ((high[channel] - low[channel]) * levels[j]) / 255;
        if (Math.abs(core[channel]) > Math.abs(core[strongest])) strongest = channel;
      }
      const { limit, signed } = mapScale(map);
      const { canvas, words } = bars[i];
      paintValues(canvas, core, { height: 1, width: channels }, explorer.palette, limit, signed);
      bars[i].strongest = site.name === "logits" || core[strongest] === 0 ? null : strongest;
      if (site.name === "logits") {
        const probability = explorer.shown.probability[place[0] * explorer.image.width + place[1]];
        words.textContent = `probability ${probability.toFixed(2)}`;
      } else words.textContent = core[strongest] === 0 ? "all are 0" : `map ${strongest}: ${significant(core[strongest])}`;
    });
  }

  return whileOpen(explorer, "values", (has) => {
    if (has("image")) build();
    if (has("hover", "pixel", "maps", "shown", "image", "window")) draw();
  });
}
