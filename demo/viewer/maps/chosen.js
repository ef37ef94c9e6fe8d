// The chosen map, enlarged: its numbers, the position under the mouse, and the map over the image.

import { placeOnMap, setSpot, setSpotGrid, windowProbability } from "../lib/region.js";
import { checkbox, h } from "../lib/dom.js";
import { mapColors, mapScale, paintMap, paintPixels } from "../lib/color.js";
import { mapNumbers } from "./values.js";
import { largestOf, meanOf } from "../lib/statistics.js";
import { overlayOf, overlayScale } from "../lib/overlay.js";
import { percent, significant } from "../lib/format.js";
import { windowPosition } from "./core_sample.js";

/** @import { Explorer, Maps, Update } from "../types.js" */
/** @import { MapValues } from "./values.js" */

/** @param {string} layer @param {number} channel */
export const mapName = (layer, channel) => (layer === "logits" ? "Probability of salt" : `${layer}, map ${channel}`);

/**
 * @param {Explorer} explorer
 * @param {MapValues} values
 * @param {(event: MouseEvent, picture: Element) => boolean} pick whether a click on the map means a place in it
 */
export function chosenMap(explorer, values, pick) {
  const large = h("canvas", { role: "img" });
  const stage = h("div", { class: "enlarged" }, large, h("span", { class: "spot" }));
  const name = h("h4", { "data-testid": "chosen-name" }), numbers = h("dl");
  const overBox = checkbox("over-image", (checked) => (checked ? lay() : overlay.drop()));
  const measure = h("button", { "data-testid": "measure", title: "Measure its effect", onclick: measureEffect }, "Measure");
  const trouble = h("p", { class: "note", hidden: true }); // why the effect is not known
  const box = h(
    "div", { class: "chosen", "data-testid": "chosen-map", hidden: true },
    h("div", { class: "row head" }, name, h("label", {}, overBox, "Over the image")),
    h("div", { class: "frame" }, stage), h("div", { class: "numbers" }, numbers, measure, trouble),
  );
  const overlay = overlayOf(explorer, "maps");

  /** What is chosen, as far as it is there. @returns {{ layer: string, map: Maps, own: number } | null} */
  function chosen() {
    const { layer, channel } = explorer.state;
    const map = layer && values.mapOf(layer);
    const own = layer === "logits" ? 0 : channel;
    return layer && map && own !== null && own < map.channels ? { layer, map, own } : null;
  }

  function draw() {
    const found = chosen();
    box.hidden = !found;
    if (!found) return;
    const { layer, map, own } = found;
    paintMap(large, map, own, explorer.palette, explorer.state.shared);
    large.classList.toggle("pixelated", map.height < 200);
    stage.style.setProperty("--ratio", String(map.width / map.height));
    setSpotGrid(stage, values.gridOf(layer));
    name.textContent = mapName(layer, own);
    large.setAttribute("aria-label", `${name.textContent}, enlarged`);
    drawSpot();
    drawNumbers();
  }

  function drawSpot() {
    const { row, column, whose } = windowPosition(explorer);
    setSpot(stage, row, column, whose !== "the middle");
  }

  function drawNumbers() {
    const found = chosen();
    if (!found || box.hidden) return;
    const entries = found.layer === "logits" ? probabilityEntries() : mapEntries(found.layer, found.map, found.own);
    numbers.replaceChildren(...entries.flatMap(([key, value]) => [h("dt", {}, key), h("dd", {}, value)]));
    measure.hidden = found.layer === "logits" || !Number.isNaN(values.effectOf(found.layer, found.own));
    trouble.hidden = measure.hidden;
  }

  async function measureEffect() {
    const found = chosen();
    if (!found) return;
    measure.disabled = true;
    trouble.textContent = "";
    try {
      await values.measureEffect(found.layer, found.own);
    } catch (error) {
      trouble.textContent = String(/** @type {Error} */ (error).message);
    }
    measure.disabled = false;
    drawNumbers();
  }

  function probabilityEntries() {
    const part = windowProbability(explorer);
    const lowest = part.reduce((one, other) => Math.min(one, other), 1);
    return Object.entries({ mean: meanOf(part), lowest, highest: largestOf(part) })
      .map(([key, value]) => [key, significant(value)]);
  }

  /** @param {string} layer @param {Maps} map @param {number} own */
  function mapEntries(layer, map, own) {
    const { mean, sparsity } = mapNumbers(map);
    const effect = values.effectOf(layer, own);
    return [
      ["mean", significant(mean[own])], ["highest", significant(map.high[own])],
      ["at zero or below", percent(sparsity[own])], ["lowest", significant(map.low[own])],
      ["agreement with the mask", significant(values.agreementOf(layer, map)[own])],
      ["effect when it is 0", Number.isNaN(effect) ? "not measured" : `${significant(effect)} of probability`],
    ];
  }

  /** The cell of the enlarged map under the mouse is also the position in the image. @param {PointerEvent} event */
  function point(event) {
    const found = chosen();
    if (!found) return;
    const hover = placeOnMap(explorer, values.gridOf(found.layer), event, stage);
    explorer.set({ hover }, { settled: false });
  }

  stage.addEventListener("pointermove", point);
  stage.addEventListener("click", (event) => pick(event, stage));
  stage.addEventListener("pointerleave", () => explorer.set({ hover: null }, { settled: false }));

  function lay() {
    const found = chosen();
    if (!found) return overlay.stepAside();
    const { map, own } = found, { window } = explorer;
    const { stride, down, right } = values.gridOf(found.layer);
    const colors = mapColors(map, own, explorer.palette, explorer.state.shared);
    const canvas = h("canvas");
    // A pixel of the image has the colour of its cell: stretched, the map would not lie where it looks.
    paintPixels(canvas, window, (pixels) => {
      const first = own * map.height * map.width;
      for (let row = 0, i = 0; row < window.height; row++) {
        const from = first + Math.floor((row + down) / stride) * map.width;
        for (let column = 0; column < window.width; column++, i++) {
          pixels[i] = colors[map.values[from + Math.floor((column + right) / stride)]];
        }
      }
    });
    const { signed, limits, limit } = mapScale(map), isAnswer = found.layer === "logits";
    const most = significant(explorer.state.shared && !isAnswer ? limit : limits[own]);
    const scale = overlayScale(explorer.palette, signed, most, isAnswer ? "probability of salt" : "activation");
    overlay.lay({ canvas, ...window, smooth: false, label: mapName(found.layer, own), scale });
  }

  return {
    box, draw, drawNumbers, drawSpot,
    hide() { box.hidden = true; },
    /** On a narrow page it may lie above what one sees. */
    reveal() { box.scrollIntoView({ block: "nearest" }); },
    /** The overlay, after everything else is drawn. @type {Update} */
    update(has) {
      overlay.follow();
      if (has("layer")) overlay.drop();
      const redrawn = has("channel", "maps", "shared", "window") || (has("shown") && explorer.state.layer === "logits");
      if (overlay.wanted() && redrawn) lay();
      overBox.checked = overlay.wanted();
    },
  };
}
