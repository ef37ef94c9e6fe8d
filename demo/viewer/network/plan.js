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
 * Where there is room, what comes from below stands beside its decoder; in a stacked drawing it stands below it.
 * @param {Site[]} sites
 * @param {number} width of the drawing
 * @param {number} height that the drawing is to have; a stacked one takes what it needs
 * @param {Size} shape of the opened window
 * @param {number} em size of the page's text
 * @param {boolean} finger targets must fit one
 */
export function networkPlan(sites, width, height, shape, em, finger) {
  const depth = sites.filter(({ name }) => name.startsWith("encoder")).length;
  const tight = width < 560, stacked = width < 440;
  const pad = tight ? 4 : 6;
  const letter = Math.max(em, LEAST_TEXT / (tight ? 0.67 : 0.69)); // as in network.css
  const text = letter * (tight ? 3.55 : 4.1);
  const gap = stacked ? 12 : 14; // room for an arrow
  const least = Math.max(finger ? 44 : 0, (tight ? 2.75 : 3.05) * letter); // of three lines
  const pitch = height / (depth + 2); // of the rows, in a drawing that is not stacked
  const largest = stacked ? 42 : Math.max(tight ? 28 : 34, Math.min(pitch - gap - 2 * pad, width / 10));
  const smallest = stacked ? 34 : 0.9 * largest;
  const small = tight ? 22 : 28; // thumbnails of skips and of what comes from below
  const inset = Math.min(stacked ? 3 : tight ? 2 : 8, (stacked ? 12 : tight ? 8 : 32) / depth);
  const fit = (/** @type {number} */ side) => {
    const scale = side / Math.max(shape.height, shape.width);
    return { w: Math.max(8, Math.round(scale * shape.width)), h: Math.max(8, Math.round(scale * shape.height)) };
  };
  const sized = (/** @type {number} */ side, words = text) => {
    const thumb = fit(side);
    return { thumb, w: thumb.w + words + 2 * pad + 5, h: Math.max(thumb.h + 2 * pad, least) };
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
  const side = finger ? 44 : 28; // of the scissors
  const skip = sized(small);
  /** The skip of a level, in the middle between encoder and decoder. @param {number} level @param {number} middle */
  const putSkip = (level, middle) => {
    const [left, right] = [places[`encoder${level}`], places[`decoder${level}`]];
    put(`skip${level}`, skip, (left.x + left.w + right.x - skip.w + skip.thumb.w) / 2 + pad, middle);
  };

  if (stacked) return stackedPlan();
  const up = sized(small), beside = up.w + Math.max(tight ? 16 : 20, width / 25); // what the column of the ups takes
  const row = (/** @type {number} */ i) => Math.max(pitch, at(0).h + gap) * i + at(0).h / 2 + 1;
  const rightOf = (/** @type {number} */ level) => width - column(level);
  put("image", sized(0.9 * largest), column(0), row(0));
  put("logits", sized(0.9 * largest), rightOf(0) - beside, row(0), true);
  for (let level = 0; level < depth; level++) {
    put(`encoder${level + 1}`, at(level), column(level), row(level + 1));
    put(`decoder${level + 1}`, at(level), rightOf(level) - beside, row(level + 1), true);
    put(`up${level + 1}`, up, width - 1 - level * inset - up.w + pad + up.thumb.w / 2, row(level + 1));
    putSkip(level + 1, row(level + 1));
  }
  const deepest = sized(smallest, (tight ? 1.15 : 1.2) * text), last = places[`up${depth}`], middle = row(depth + 1);
  const centre = (places[`encoder${depth}`].cx + last.cx - deepest.w) / 2;
  put("bottleneck", deepest, centre + pad + deepest.thumb.w / 2, middle);
  const knife = { x: (centre + deepest.w + last.cx - side) / 2, y: middle - side / 2, w: side, h: side };
  return { places, knife, depth, tight, stacked, width, height: Math.ceil(middle + Math.max(deepest.h, side) / 2 + 2) };

  function stackedPlan() {
    const rising = sized(small), first = sized(0.8 * largest);
    let y = first.h / 2 + 1;
    put("image", first, column(0), y);
    put("logits", first, width - column(0), y, true);
    y += first.h / 2 + 20 + at(0).h / 2;
    for (let level = 0; level < depth; level++) {
      put(`encoder${level + 1}`, at(level), column(level), y);
      put(`decoder${level + 1}`, at(level), width - column(level), y, true);
      putSkip(level + 1, y);
      y += at(level).h / 2 + gap + rising.h / 2;
      put(`up${level + 1}`, rising, width - column(level + 0.5), y, true);
      y += rising.h / 2 + gap + at(level + 1).h / 2;
    }
    // The bottleneck moves up between the two arms as far as it touches neither the last skip nor what comes from it.
    const deep = sized(smallest, 1.15 * text);
    const [above, end] = [places[`skip${depth}`], places[`up${depth}`]];
    const right = (width + deep.w) / 2;
    const below = right > end.x - 6 ? end.y + end.h + 8 : end.y + end.h + 18 - deep.h / 2;
    const low = Math.max(above.y + above.h + 14, below) + deep.h / 2;
    put("bottleneck", deep, right - deep.w + pad + deep.thumb.w / 2, low);
    const scissors = { x: (right + end.cx - side) / 2 - 2, y: low - side / 2, w: side, h: side };
    const height = Math.ceil(low + Math.max(deep.h, side) / 2 + 2);
    return { places, knife: scissors, depth, tight, stacked, width, height };
  }
}
