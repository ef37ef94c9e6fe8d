// Words of a figure: what XML cannot hold is replaced, and long ones are broken into lines.

import { context2d, svg } from "../lib/dom.js";

export const FONTS = "Arial, Helvetica, 'Liberation Sans', sans-serif";

/** Names of files may hold what no XML may: control characters, halves of characters. @param {string} text */
export const plain = (text) => text.replace(/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/gu, "\uFFFD");

/**
 * @param {string} text
 * @param {number} most points of a line; a word that is longer stands alone
 * @returns {{ lines: string[], width: number }} width: of the longest
 */
export function textLines(text, most) {
  const context = /** @type {CanvasRenderingContext2D} */ (context2d(new OffscreenCanvas(1, 1)));
  context.font = `7px ${FONTS}`;
  const long = (/** @type {string} */ words) => context.measureText(words).width;
  /** @type {string[]} */
  const lines = [];
  let line = "";
  // A name without spaces is broken where it has to be.
  const words = plain(text).split(" ").flatMap((word) => (long(word) > most ? word.match(/.{1,40}/gsu) ?? [] : [word]));
  for (const word of words) {
    const longer = line ? `${line} ${word}` : word;
    if (line && long(longer) > most) { lines.push(line); line = word; } else line = longer;
  }
  lines.push(line);
  return { lines, width: Math.max(...lines.map(long)) };
}

/** @param {string} words @param {number} x @param {number} y @param {Record<string, string | number>} [rest] */
export const label = (words, x, y, rest = {}) => svg("text", { x: x.toFixed(2), y: y.toFixed(2), ...rest }, plain(words));
