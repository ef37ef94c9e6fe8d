// Files for the user, made in the browser.

import { POINTS, figureSvg } from "../figure/figure.js";
import { dataUrl, withDensity } from "../figure/png.js";
import { context2d, h } from "../lib/dom.js";

/** @import { Figure } from "../figure/figure.js" */

const DPI = 300;

/** A part of a file name, made of a user's own words. @param {string} name */
const fileStem = (name) =>
  name.normalize("NFC").replace(/\.\w{1,5}$/, "").replace(/[^\p{L}\p{N}_-]+/gu, "-").slice(0, 60) || "image";

/** @param {string} name of the image @param {string} view @param {string} suffix */
export const figureName = (name, view, suffix) => `${fileStem(name)}-${view}.${suffix}`;

/** @param {Blob} blob @param {string} name */
export function saveFile(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click(); // never in the page: nothing that listens there takes it for a link
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/**
 * A figure as a file: text that says what is drawn, and how many pixels of paper it covers.
 * @param {Figure} figure
 */
export async function drawnFigure(figure) {
  const { root, width, height } = await figureSvg(figure);
  const text = new XMLSerializer().serializeToString(root);
  const pixels = [width, height].map((length) => Math.round((length / POINTS) * DPI));
  const blob = new Blob([`<?xml version="1.0" encoding="UTF-8"?>\n${text}`], { type: "image/svg+xml" });
  const url = await dataUrl(blob), inches = width / POINTS;
  return { svg: blob, url, inches, pixels, png: () => paintedFigure(blob, pixels) };
}

/** @param {Blob} drawing @param {number[]} pixels across and down */
async function paintedFigure(drawing, [width, height]) {
  const image = new Image();
  image.src = await dataUrl(drawing);
  await image.decode();
  const canvas = h("canvas", { width, height }), context = context2d(canvas);
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
  /** @type {Blob | null} */
  const png = await new Promise((done) => { canvas.toBlob(done); });
  if (!png) throw new Error("The browser could not paint the figure; save the SVG.");
  return withDensity(png, DPI);
}
