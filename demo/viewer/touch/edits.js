// How the input was changed: operations in their order, and the text that a link, the session file and Python keep.
//
//   shift:ROWS,COLUMNS            what is in the image moves down and to the right
//   flip:h  flip:v                left and right, top and bottom change places
//   flat                          one grey everywhere
//   impulse:ROW,COLUMN            one white pixel
//   dead:COLUMN,WIDTH             traces of one grey, from that column on
//   paint:SIZE,GREY,PATH          a stroke of a round brush in one grey
//   erase:SIZE,PATH               a stroke that leaves the local mean grey
//   noise:SIZE,SPREAD,SEED,PATH   a stroke that adds noise of that standard deviation, in levels of grey
//
// They are joined by ";".  A path is a row and a column and then the steps from point to point, all joined by ".".

import { plural } from "../lib/format.js";

/** @import { Place, Size } from "../types.js" */
/**
 * @typedef {{ kind: "shift", rows: number, columns: number } | { kind: "flip", axis: "h" | "v" }} Motion
 * @typedef {{ kind: "paint", size: number, grey: number, path: Place[] } | { kind: "erase", size: number, path: Place[] }
 *   | { kind: "noise", size: number, spread: number, seed: number, path: Place[] }} Stroke
 * @typedef {Motion | Stroke | { kind: "flat" } | { kind: "impulse", row: number, column: number }
 *   | { kind: "dead", column: number, width: number }} Operation
 */

export const LONGEST_EDITS = 20_000; // characters, as in demo/limits.py
export const MOST_EDITS = 200; // operations: each takes a pass over the image
export const LARGEST_BRUSH = 63, LARGEST_SPREAD = 128;

/** @param {string} text @param {number} count @returns {number[] | null} so many whole numbers */
function numbersOf(text, count) {
  const words = text.split(",");
  return words.length === count && words.every((word) => /^-?\d{1,7}$/.test(word)) ? words.map(Number) : null;
}

/** @param {number} value @param {number} low @param {number} high */
const within = (value, low, high) => value >= low && value <= high;

/** @param {string} text @param {Size} image @returns {Place[] | null} points inside the image */
function pathOf(text, { height, width }) {
  const steps = text.split(".");
  if (steps.length % 2 || !steps.every((step) => /^-?\d{1,7}$/.test(step))) return null;
  /** @type {Place[]} */
  const path = [];
  for (let i = 0, row = 0, column = 0; i < steps.length; i += 2) {
    row += Number(steps[i]);
    column += Number(steps[i + 1]);
    if (!within(row, 0, height - 1) || !within(column, 0, width - 1)) return null;
    path.push([row, column]);
  }
  return path;
}

/** @param {string} kind @param {string} text @param {Size} image @returns {Stroke | null} */
function strokeOf(kind, text, image) {
  const end = text.lastIndexOf(",");
  const path = pathOf(text.slice(end + 1), image);
  const numbers = numbersOf(text.slice(0, Math.max(0, end)), { paint: 2, erase: 1, noise: 3 }[kind] ?? 0);
  if (!path || !numbers || !within(numbers[0], 1, LARGEST_BRUSH)) return null;
  const [size, level, seed] = numbers;
  if (kind === "erase") return { kind, size, path };
  if (kind === "paint") return within(level, 0, 255) ? { kind, size, grey: level, path } : null;
  return within(level, 1, LARGEST_SPREAD) && seed >= 0 ? { kind: "noise", size, spread: level, seed, path } : null;
}

/** @param {string} text @param {Size} image @returns {Operation | null} null where it cannot be read or does not fit */
function operationOf(text, image) {
  const [kind] = text.split(":", 1), rest = text.slice(kind.length + 1);
  if (kind === "flat" && text === kind) return { kind };
  if (kind === "flip" && (rest === "h" || rest === "v")) return { kind, axis: rest };
  if (kind === "paint" || kind === "erase" || kind === "noise") return strokeOf(kind, rest, image);
  const [one, other] = numbersOf(rest, 2) ?? [NaN, NaN];
  if (kind === "shift" && (one || other) && fitsShift(one, other, image)) return { kind, rows: one, columns: other };
  const { height, width } = image;
  if (kind === "impulse" && within(one, 0, height - 1) && within(other, 0, width - 1)) return { kind, row: one, column: other };
  if (kind === "dead" && one >= 0 && within(other, 1, width - one)) return { kind, column: one, width: other };
  return null;
}

/** What is mirrored at an edge ends at the other. @param {number} rows @param {number} columns @param {Size} image */
const fitsShift = (rows, columns, { height, width }) => Math.abs(rows) < height && Math.abs(columns) < width;

/**
 * What a text says, as far as it can be read and fits the image.
 * @param {string} text
 * @param {Size} image
 * @returns {{ operations: Operation[], unread: number }} unread: how many operations were left out
 */
export function parseEdits(text, image) {
  if (!text) return { operations: [], unread: 0 };
  const words = text.slice(0, LONGEST_EDITS).split(";");
  if (text.length > LONGEST_EDITS) words.pop(); // it may have lost its end
  const found = words.slice(0, MOST_EDITS).map((word) => operationOf(word, image));
  const operations = found.filter((operation) => operation !== null);
  const all = text.length > LONGEST_EDITS ? text.split(";").length : words.length;
  return { operations, unread: all - operations.length };
}

/** @param {Place[]} path */
const pathText = (path) =>
  path.map(([row, column], i) => (i ? `${row - path[i - 1][0]}.${column - path[i - 1][1]}` : `${row}.${column}`)).join(".");

/** @param {Operation} operation */
function operationText(operation) {
  switch (operation.kind) {
    case "shift": return `shift:${operation.rows},${operation.columns}`;
    case "flip": return `flip:${operation.axis}`;
    case "flat": return "flat";
    case "impulse": return `impulse:${operation.row},${operation.column}`;
    case "dead": return `dead:${operation.column},${operation.width}`;
    case "paint": return `paint:${operation.size},${operation.grey},${pathText(operation.path)}`;
    case "erase": return `erase:${operation.size},${pathText(operation.path)}`;
    case "noise": return `noise:${operation.size},${operation.spread},${operation.seed},${pathText(operation.path)}`;
  }
}

/** @param {Operation[]} operations */
export const editsText = (operations) => operations.map(operationText).join(";");

/**
 * One more operation.  Shifts after each other add up, two equal flips cancel, and what a flat grey covers is gone.
 * @param {Operation[]} operations
 * @param {Operation} next
 * @param {Size} image
 * @returns {Operation[] | null} null where it does not fit: too many, too long, or a shift out of the image
 */
export function withOperation(operations, next, image) {
  const last = operations.at(-1), before = operations.slice(0, -1);
  let all = [...operations, next];
  if (next.kind === "flat") all = [next];
  else if (next.kind === "flip" && last?.kind === "flip" && last.axis === next.axis) all = before;
  else if (next.kind === "shift") {
    const [rows, columns] = last?.kind === "shift" ? [last.rows + next.rows, last.columns + next.columns] : [next.rows, next.columns];
    if (!fitsShift(rows, columns, image)) return null;
    all = last?.kind === "shift" ? before : operations;
    if (rows || columns) all = [...all, { kind: "shift", rows, columns }];
  } else if (last && operationText(last) === operationText(next)) all = operations;
  return all.length <= MOST_EDITS && editsText(all).length <= LONGEST_EDITS ? all : null;
}

/** @param {Operation} operation */
const isMove = ({ kind }) => kind === "shift" || kind === "flip";

/** Whether the image was only moved: its pixels are all there, elsewhere. @param {Operation[]} operations */
export const isMotion = (operations) => operations.length > 0 && operations.every(isMove);

/** Whether it was moved, whatever else was done: then a pixel is no longer where it was. @param {Operation[]} operations */
export const withMotion = (operations) => operations.some(isMove);

/** @type {Record<"paint" | "erase" | "noise", string>} */
const STROKES = { paint: "in grey", erase: "erased", noise: "of noise" };

/** @param {Operation} operation */
function operationWords(operation) {
  switch (operation.kind) {
    case "shift": {
      const rows = operation.rows && `${plural(Math.abs(operation.rows), "row")} ${operation.rows > 0 ? "down" : "up"}`;
      const columns = operation.columns
        && `${plural(Math.abs(operation.columns), "column")} ${operation.columns > 0 ? "right" : "left"}`;
      return `shifted ${[rows, columns].filter(Boolean).join(", ")}`;
    }
    case "flip": return operation.axis === "h" ? "flipped left-right" : "flipped top-bottom";
    case "flat": return "one flat grey";
    case "impulse": return `an impulse at row ${operation.row}, column ${operation.column}`;
    case "dead": {
      const last = operation.column + operation.width - 1;
      return operation.width > 1 ? `dead traces ${operation.column} to ${last}` : `a dead trace ${last}`;
    }
    default: return "";
  }
}

/** What was done, in a few words; strokes that follow each other are counted. @param {Operation[]} operations */
export function editsWords(operations) {
  /** @type {{ kind: string, words: string, count: number }[]} */
  const parts = [];
  for (const operation of operations) {
    const { kind } = operation, last = parts.at(-1);
    if (kind !== "paint" && kind !== "erase" && kind !== "noise") parts.push({ kind, words: operationWords(operation), count: 1 });
    else if (last?.kind === kind) last.words = `${plural(++last.count, "stroke")} ${STROKES[kind]}`;
    else parts.push({ kind, words: `1 stroke ${STROKES[kind]}`, count: 1 });
  }
  if (parts.length > 3) return `${plural(operations.length, "change")}, the last: ${parts.at(-1)?.words}`;
  return parts.map(({ words }) => words).join("; ");
}
