// The wires of the network: thicker for more channels, broken where they are cut.

import { svg } from "../lib/dom.js";

/** @import { Rectangle, Plan } from "./plan.js" */
/** @import { Site } from "../types.js" */

export const SCISSORS = "M-6 -4.6 5.5 3M-6 4.6 5.5 -3M5.5 4.6m-2.4 0a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0 -4.8 0" +
  "M5.5 -4.6m-2.4 0a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0 -4.8 0";
const ARROWHEAD = "M1 0 -7 -4.6 -5 0 -7 4.6Z";

/** @param {Rectangle} place */
const below = ({ y, h: tall }) => y + tall + 1;

/**
 * @param {Plan} plan
 * @param {Site[]} sites
 * @param {string[]} cuts
 * @param {(from: string, to: string) => string} lookOf how a wire looks: lit, ahead or as always
 * @param {string | null} pointed block under the mouse or with the focus
 * @returns {SVGElement[]}
 */
export function networkWires({ places, depth, stacked }, sites, cuts, lookOf, pointed) {
  /** @type {SVGElement[]} */
  const parts = [];
  const channels = Object.fromEntries(sites.map((site) => [site.name, site.channels]));
  const thickness = (/** @type {string} */ name) => Math.min(6, 1.6 + 0.42 * Math.log2(channels[name] ?? 1)).toFixed(1);

  /**
   * One wire with its arrowhead at (x, y); `turn` is where it points, in degrees from the right.
   * @param {string} kind
   * @param {string} d
   * @param {string} from
   * @param {string} to
   * @param {number} x
   * @param {number} y
   * @param {number} turn
   */
  function wire(kind, d, from, to, x, y, turn, off = false) {
    parts.push(svg(
      "g", { class: `wire ${kind} ${lookOf(from, to)}${off ? " off" : ""}` },
      svg("path", { d, "stroke-width": off ? 2 : thickness(from) }),
      svg("path", { class: "head", d: ARROWHEAD, transform: `translate(${x} ${y}) rotate(${turn})` }),
    ));
  }

  /** @param {string} kind @param {string} from @param {string} to */
  function vertical(kind, from, to) {
    const [one, other] = [places[from], places[to]];
    const goesDown = other.y > one.y;
    const [y1, y2] = goesDown ? [below(one), other.y - 3] : [one.y - 1, below(other) + 2];
    const bend = (y1 + y2) / 2;
    const end = y2 + (goesDown ? -4 : 4);
    // Between rows so near to each other a curve would be all arrowhead.
    const curve = stacked ? `M${one.cx} ${y1}C${one.cx} ${bend} ${other.cx} ${bend} ${other.cx} ${end}` : `M${other.cx} ${y1}V${end}`;
    wire(kind, curve, from, to, other.cx, y2, goesDown ? 90 : -90);
  }

  /** From a decoder up and to the right, between two rows. @param {number} level that it comes to */
  function upBeside(level) {
    const [one, other] = [places[`decoder${level + 1}`], places[`up${level}`]];
    const [x, y1, y2] = [one.x + one.w - 14, one.y - 1, below(other) + 2];
    const bend = (y1 + y2 + 6) / 2, round = Math.max(0, Math.min(5, y1 - bend));
    wire("up", `M${x} ${y1}V${bend + round}q0 ${-round} ${round} ${-round}H${other.cx - round}q${round} 0 ${round} ${-round}V${y2 + 4}`,
      `decoder${level + 1}`, `up${level}`, other.cx, y2, -90);
  }

  /** From what comes from below into the decoder to its left. @param {number} level */
  function intoDecoder(level) {
    const [one, other] = [places[`up${level}`], places[`decoder${level}`]];
    const y = other.y + other.h / 2, x = other.x + other.w + 3;
    wire("up", `M${one.x} ${y}H${x + 4}`, `up${level}`, `decoder${level}`, x, y, 180);
  }

  /** Around the two corners at the bottom. */
  function throughBottleneck() {
    const { bottleneck } = places;
    const [deepest, up] = [places[`encoder${depth}`], places[`up${depth}`]];
    const middle = bottleneck.y + bottleneck.h / 2;
    const round = Math.min(26, middle - below(deepest));
    wire("down", `M${deepest.cx} ${below(deepest)}V${middle - round}q0 ${round} ${round} ${round}H${bottleneck.x - 7}`,
      `encoder${depth}`, "bottleneck", bottleneck.x - 3, middle, 0);
    const turn = Math.min(26, middle - below(up) - 6);
    wire("up", `M${bottleneck.x + bottleneck.w} ${middle}H${up.cx - turn}q${turn} 0 ${turn} ${-turn}V${below(up) + 6}`,
      "bottleneck", `up${depth}`, up.cx, below(up) + 2, -90, cuts.includes("bottleneck"));
  }

  /** @param {number} level */
  function across(level) {
    const name = `skip${level}`;
    const [left, node, right] = [places[`encoder${level}`], places[name], places[`decoder${level}`]];
    const y = left.y + left.h / 2;
    const [from, to] = [left.x + left.w, node.x - 3];
    const off = cuts.includes(name);
    const cutAt = (from + to) / 2;
    const broken = `M${from} ${y}H${cutAt - 10}l4 -7M${cutAt + 6} ${y + 7}l4 -7H${to - 4}`;
    wire("skip", off ? broken : `M${from} ${y}H${to - 4}`, `encoder${level}`, name, to, y, 0, off);
    wire("skip", `M${node.x + node.w} ${y}H${right.x - 7}`, name, `decoder${level}`, right.x - 3, y, 0, off);
    if (!off && pointed !== name) return;
    parts.push(svg(
      "g", { class: `scissors${off ? " off" : ""}`, transform: `translate(${cutAt} ${y})` },
      svg("circle", { r: 10.5 }), svg("path", { d: SCISSORS, transform: "scale(0.9)" }),
    ));
  }

  vertical("down", "image", "encoder1");
  for (let level = 1; level < depth; level++) {
    vertical("down", `encoder${level}`, `encoder${level + 1}`);
    if (stacked) vertical("up", `decoder${level + 1}`, `up${level}`);
    else upBeside(level);
  }
  for (let level = 1; level <= depth; level++) {
    if (stacked) vertical("up", `up${level}`, `decoder${level}`);
    else intoDecoder(level);
  }
  vertical("up", "decoder1", "logits");
  throughBottleneck();
  for (let level = 1; level <= depth; level++) across(level);
  return parts;
}
