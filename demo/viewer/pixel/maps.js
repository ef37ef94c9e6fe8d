// The gradient and Grad-CAM of a pixel at every level; each can be laid over the image and compared with random weights.

import { shownWeights } from "./requests.js";
import { context2d, h } from "../lib/dom.js";
import { correlation, largestOf } from "../lib/statistics.js";
import { fixed, significant } from "../lib/format.js";
import { overlayOf, overlayScale } from "../lib/overlay.js";
import { paintTransparent, paintValues, paletteRamp } from "../lib/color.js";
import { siteGrid } from "../lib/region.js";

/** @import { Explorer, Overlay, Palette, PixelResponse, Site } from "../types.js" */
/** @import { Known, PixelFindings } from "./requests.js" */
/** @typedef {ReturnType<typeof makeLayer>} Layer */

const GRADIENT = "gradient"; // the name of that map, beside those of the sites

/**
 * What the strongest hundredth of the values exceeds; so a few large ones do not hide the rest.
 * @param {Float32Array} values
 */
export function strongOf(values) {
  const sizes = values.map(Math.abs).sort();
  return sizes[Math.floor(0.99 * (sizes.length - 1))] || sizes[sizes.length - 1];
}

/** @param {string} name @param {() => void} onclick */
function makeLayer(name, onclick) {
  const thumbnail = h("canvas", { "aria-hidden": "true" });
  const title = h("span", { class: "why-name" }), strength = h("span", { class: "why-strength" });
  const button = h("button", { class: "why-map", "data-testid": `why-map-${name}`, onclick },
    thumbnail, title, strength);
  const canvas = h("canvas"); // what is laid over the image
  const scale = /** @type {Overlay["scale"]} */ (undefined);
  return { button, thumbnail, title, strength, canvas, smooth: name !== GRADIENT, label: "", scale };
}

/** @param {Explorer} explorer */
export function pixelMaps(explorer) {
  const gradientHost = h("div", { class: "why-gradient" });
  const strip = h("div", { class: "why-strip" });
  const signs = h("p", { class: "note why-legend" }), sizes = h("p", { class: "note why-legend" });
  const sanity = h("p", { class: "note", "data-testid": "why-sanity" });
  const box = h("div", { class: "why-maps", role: "group", "aria-label": "Maps; choose one to lay it over the image" },
    h("div", { class: "why-first" }, gradientHost, signs), h("div", { class: "why-levels" }, sizes, strip));
  const overlay = overlayOf(explorer, "why");
  /** @type {Map<string, Layer>} */
  const layers = new Map();
  let laid = ""; // which of them is meant to lie over the image
  /** @type {Palette | null} */
  let palette = null; // the one the legends were made of

  function drawLegends() {
    if (palette === explorer.palette) return;
    palette = explorer.palette;
    signs.replaceChildren("Brighter: logit down", paletteRamp(palette.diverging), "up");
    sizes.replaceChildren("Grad-CAM by level: 0", paletteRamp(palette.sequential), "each map's largest");
  }

  /** @param {string} name @param {HTMLElement} parent */
  function layerOf(name, parent) {
    const layer = layers.get(name) ?? makeLayer(name, () => choose(name));
    if (!layers.has(name)) parent.append(layer.button);
    layers.set(name, layer);
    return layer;
  }

  /** @param {PixelFindings} findings */
  function drawGradient({ smooth, gradient }) {
    const values = smooth?.values ?? gradient;
    const map = layerOf(GRADIENT, gradientHost);
    map.title.textContent = smooth ? "SmoothGrad" : "input gradient";
    map.label = smooth ? "SmoothGrad of the pixel" : "input gradient of the pixel";
    const limit = strongOf(values);
    map.scale = overlayScale(explorer.palette, true, significant(limit), "change of the logit per grey");
    paintValues(map.thumbnail, values, explorer.window, explorer.palette, limit, true);
    paintTransparent(map.canvas, values, explorer.window, explorer.palette, limit);
  }

  /** A coarse map in its place in the window. @param {Site} site @param {PixelResponse["cams"][string]} cam */
  function drawCam(site, cam) {
    const { title, thumbnail, canvas } = Object.assign(layerOf(site.name, strip), { label: `Grad-CAM of the pixel at ${site.name}` });
    title.textContent = site.name;
    const { stride, down, right } = siteGrid(explorer, site);
    const small = h("canvas");
    const largest = largestOf(cam.values);
    layerOf(site.name, strip).scale = overlayScale(explorer.palette, false, significant(largest), "Grad-CAM");
    paintValues(small, cam.values, cam, explorer.palette, largest, false);
    for (const target of [thumbnail, canvas]) {
      Object.assign(target, { width: explorer.window.width, height: explorer.window.height });
      const context = context2d(target);
      context.imageSmoothingEnabled = true;
      context.drawImage(small, -right, -down, cam.width * stride, cam.height * stride);
    }
  }

  /**
   * Each map against the one that the other weights give for the same pixel, once both are known.
   * @param {Known} known
   */
  function compare({ trained, random }) {
    const both = trained?.logit !== undefined && random?.logit !== undefined ? [trained, random] : null;
    const smooth = both?.every((findings) => findings.smooth); // like with like
    for (const [name, { strength }] of layers) {
      const [one, other] = both?.map((findings) => {
        if (name !== GRADIENT) return findings.cams[name].values;
        return (smooth && findings.smooth?.values) || findings.gradient;
      }) ?? [];
      const r = one ? correlation(one, other) : NaN;
      strength.textContent = Number.isNaN(r) ? "" : `r ${fixed(r, 2)}`;
    }
    const other = explorer.state.random ? "the trained network's map" : "the map that random weights give";
    sanity.textContent = (both ? `r: the correlation with ${other} of the same pixel. ` : "")
      + "A map that does not change when the weights are random explains nothing.";
  }

  /** @param {string} name */
  function choose(name) {
    if (overlay.wanted() && laid === name) overlay.drop();
    else lay(name);
    mark();
  }

  /** @param {string} name */
  function lay(name) {
    const layer = layers.get(name);
    if (!layer) return overlay.drop();
    laid = name;
    const { canvas, smooth, label, scale } = layer;
    overlay.lay({ canvas, ...explorer.window, smooth, label, scale });
  }

  function mark() {
    for (const [name, { button }] of layers) {
      button.setAttribute("aria-pressed", String(overlay.wanted() && laid === name));
    }
  }

  return {
    box, sanity, overlay, mark,
    /** @param {Known} known */
    draw(known) {
      const findings = known[shownWeights(explorer)];
      if (findings?.logit === undefined) return;
      drawLegends();
      drawGradient(findings);
      for (const [name, { button }] of layers) {
        if (name === GRADIENT || findings.cams[name]) continue;
        button.remove();
        layers.delete(name);
      }
      for (const site of explorer.network.sites) if (findings.cams[site.name]) drawCam(site, findings.cams[site.name]);
      compare(known);
      if (overlay.wanted()) lay(laid);
      mark();
    },
  };
}
