// What a decoder reads: the maps of its skip beside those from below.

import { h } from "../lib/dom.js";
import { mapColors, paintPixels } from "../lib/color.js";
import { plural } from "../lib/format.js";

/** @import { Explorer, Maps } from "../types.js" */
/** @import { MapValues } from "./values.js" */

/** @param {Explorer} explorer @param {MapValues} values */
export function decoderSources(explorer, values) {
  const title = h("summary", { "data-testid": "sources" }), sides = h("div", { class: "sides" });
  const box = h("details", { class: "sources", ontoggle: draw }, title, sides);
  let drawn = "", level = "";

  /** All maps of a site on one canvas, row by row, with gaps. @param {HTMLCanvasElement} canvas @param {Maps} map */
  function paintSheet(canvas, map) {
    const { channels, height, width, values: levels } = map;
    const gap = Math.max(1, Math.round(width / 24));
    let columns = 1;
    while (columns * columns < channels) columns *= 2;
    const across = columns * (width + gap) - gap, down = Math.ceil(channels / columns) * (height + gap) - gap;
    paintPixels(canvas, { height: down, width: across }, (pixels) => {
      for (let channel = 0, j = 0; channel < channels; channel++) {
        const colors = mapColors(map, channel, explorer.palette, explorer.state.shared);
        const corner = Math.floor(channel / columns) * (height + gap) * across + (channel % columns) * (width + gap);
        for (let row = 0; row < height; row++) {
          const start = corner + row * across;
          for (let column = 0; column < width; column++, j++) pixels[start + column] = colors[levels[j]];
        }
      }
    });
    canvas.classList.toggle("pixelated", across < 320);
  }

  /** @param {string} kind of the opened block @param {string} number of its level */
  function show(kind, number) {
    box.hidden = kind !== "decoder";
    if (box.hidden) return;
    level = number;
    const count = values.siteOf(`skip${level}`).channels + values.siteOf(`up${level}`).channels;
    title.textContent = `What decoder${level} reads: ${plural(count, "map")}, concatenated`;
    draw();
  }

  function draw() {
    if (!box.open || box.hidden) return;
    const sources = [["from the skip", `skip${level}`], ["from below", `up${level}`]];
    const counts = sources.map(([, site]) => values.siteOf(site).channels);
    const key = `${level} ${counts}`;
    if (drawn !== key) {
      drawn = key;
      sides.replaceChildren(...sources.map(([from, site], i) => h(
        "button", { "data-testid": `pair-${site}`, onclick: () => explorer.set({ layer: site, channel: null }) },
        h("span", {}, `${counts[i]} ${from}: ${site}`), h("canvas", { "aria-hidden": "true" }),
      )));
    }
    sources.forEach(([, site], i) => {
      const map = values.mapOf(site);
      if (map) paintSheet(sides.querySelectorAll("canvas")[i], map);
    });
  }

  return { box, show, hide() { box.hidden = true; } };
}
