// The tiles that excite a channel most, each with the place of its strongest response.

import { h } from "../lib/dom.js";
import { paintPixels } from "../lib/color.js";
import { significant } from "../lib/format.js";

/** @import { DossierTile } from "../types.js" */

/** What a link to a survey tile leaves out: it is about the open image, or another network. */
const NOT_OF_TILE = ["upload", "window", "box", "cuts", "fill", "edits", "random", "epoch", "lesson"];

/** A link to a survey tile with the same channel open and the place marked. @param {DossierTile} tile */
function tileLink({ sample, row, column }) {
  const address = new URL(location.href);
  for (const name of NOT_OF_TILE) address.searchParams.delete(name);
  address.searchParams.set("sample", String(sample));
  address.searchParams.set("pixel", `${row},${column}`);
  return address.href;
}

/** @param {DossierTile} tile */
function tilePicture({ grey, height, width, row, column }) {
  if (!grey) return null;
  const canvas = h("canvas", { "aria-hidden": "true" });
  paintPixels(canvas, { height, width }, (pixels) => {
    for (let i = 0; i < pixels.length; i++) pixels[i] = 0xff000000 | (grey[i] * 0x010101);
  });
  const peak = h("span", { class: "peak" });
  peak.style.left = `${((column + 0.5) / width) * 100}%`;
  peak.style.top = `${((row + 0.5) / height) * 100}%`;
  return h("span", { class: "picture" }, canvas, peak);
}

/** @param {DossierTile} tile */
function tileItem(tile) {
  const { seed, id, row, column } = tile;
  const name = id ?? `seed ${seed}`;
  const value = significant(tile.value);
  const words = `${name}: ${value} at row ${row}, column ${column}`;
  const picture = tilePicture(tile);
  if (!picture) return h("li", { class: "absent", title: words }, `${name}: ${value}`);
  const label = h("small", {}, value);
  if (id === null) {
    return h("li", {}, h("span", { role: "img", "aria-label": words, title: words }, picture, label));
  }
  return h("li", {}, h("a", { href: tileLink(tile), "aria-label": `Open ${words}`, title: words }, picture, label));
}

/**
 * @param {string} title
 * @param {string} testid
 * @param {DossierTile[]} tiles
 * @param {string} none what is said where there are none
 */
export function dossierTiles(title, testid, tiles, none) {
  const list = h("ol", { "data-testid": testid }, tiles.map(tileItem));
  return h("div", { class: "excited" }, h("h4", {}, title), tiles.length ? list : h("p", { class: "note" }, none));
}
