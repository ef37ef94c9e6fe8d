// Where everything stands in the drawing of the network: a U, down the encoder on the left, up the decoder on the right.

/** @import { Site, Size } from "../types.js" */
/**
 * @typedef {{ x: number, y: number, w: number, h: number }} Rectangle
 * @typedef {Rectangle & { thumb: { w: number, h: number }, cx: number, mirrored: boolean }} NodePlace
 *   cx is the middle of the thumbnail
 * @typedef {ReturnType<typeof networkPlan>} Plan
 */

const LEAST_TEXT = 11; // CSS pixels

/**
 * @param {Site[]} sites
 * @param {number} width of the drawing
 * @param {Size} shape of the opened window
 * @param {number} em size of the page's text
 * @param {boolean} finger targets must fit one
 */
export function networkPlan(sites, width, shape, em, finger) {
  const depth = sites.filter(({ name }) => name.startsWith("encoder")).length;
  const tight = width < 430;
  const pad = tight ? 4 : 6;
  const letter = Math.max(em, LEAST_TEXT / (tight ? 0.67 : 0.69)); // as in network.css
  const text = letter * (tight ? 3.55 : 4.1);
  const largest = Math.max(38, Math.min(80, width / 8.6));
  const smallest = Math.max(34, 0.68 * largest);
  const small = tight ? 22 : 28; // thumbnails of skips and of what comes from below
  const inset = Math.min(tight ? 3 : 9, (tight ? 12 : 36) / depth);
  const gap = tight ? 12 : 13; // room for an arrow
  const lines = (/** @type {number} */ count) =>
    Math.max(finger ? 44 : 0, (count * (tight ? 0.8 : 0.9) + 0.35) * letter);
  const fit = (/** @type {number} */ side) => {
    const scale = side / Math.max(shape.height, shape.width);
    return { w: Math.max(8, Math.round(scale * shape.width)), h: Math.max(8, Math.round(scale * shape.height)) };
  };
  const sized = (/** @type {number} */ side, words = text, count = 3) => {
    const thumb = fit(side);
    return { thumb, w: thumb.w + words + 2 * pad + 5, h: Math.max(thumb.h + 2 * pad, lines(count)) };
  };
  /** @type {Record<string, NodePlace>} */
  const places = {};
  /** @param {string} name @param {ReturnType<typeof sized>} size @param {number} cx @param {number} middle */
  const put = (name, size, cx, middle, mirrored = false) => {
    const edge = cx + (mirrored ? 1 : -1) * (size.thumb.w / 2 + pad);
    places[name] = { ...size, cx, x: mirrored ? edge - size.w : edge, y: middle - size.h / 2, mirrored };
  };
  const at = (/** @type {number} */ level) => sized(largest * (smallest / largest) ** (level / depth));
  const column = (/** @type {number} */ level) => pad + 1 + fit(largest).w / 2 + level * inset;
  const up = sized(small, tight ? text : 1.75 * text, tight ? 3 : 2);

  const first = sized(0.8 * largest);
  let y = first.h / 2 + 1;
  put("image", first, column(0), y);
  put("logits", first, width - column(0), y, true);
  y += first.h / 2 + 20 + at(0).h / 2;
  for (let level = 0; level < depth; level++) {
    put(`encoder${level + 1}`, at(level), column(level), y);
    put(`decoder${level + 1}`, at(level), width - column(level), y, true);
    const skip = sized(small);
    put(`skip${level + 1}`, skip, (width - skip.w + skip.thumb.w) / 2 + pad, y);
    y += at(level).h / 2 + gap + up.h / 2;
    put(`up${level + 1}`, up, width - column(level + 0.5), y, true);
    y += up.h / 2 + gap + at(level + 1).h / 2;
  }
  // The bottleneck moves up between the two arms as far as it touches neither the last skip nor what comes from it.
  const size = sized(smallest, (tight ? 1.15 : 1.2) * text);
  const [skip, last] = [places[`skip${depth}`], places[`up${depth}`]];
  const right = (width + size.w) / 2;
  const below = right > last.x - 6 ? last.y + last.h + 8 : last.y + last.h + 18 - size.h / 2;
  const middle = Math.max(skip.y + skip.h + 14, below) + size.h / 2;
  put("bottleneck", size, right - size.w + pad + size.thumb.w / 2, middle);
  const side = finger ? 44 : 28;
  const knife = { x: (right + last.cx - side) / 2 - 2, y: middle - side / 2, w: side, h: side };
  return { places, knife, depth, tight, width, height: Math.ceil(middle + Math.max(size.h, side) / 2 + 2) };
}
