// What every view's code begins with: the image, the network that looks at it, and the part that is opened.

import { isWhole } from "../lib/region.js";
import { pythonLines, pythonTuple } from "./script.js";

/** @import { Explorer } from "../types.js" */

/** The name under which the dialog saves a changed image, and the code opens it. */
export const CHANGED_FILE = "changed.png";

/** The image as it is in its file. @param {Explorer} explorer */
export const openedImage = ({ image }) => image.code;

/** The path in the code that loads weights. @param {string} code */
export function weightsPath(code) {
  const inside = code.slice("Segmenter.load(".length, -1), shipped = "from unet.segmenter import shipped_weights";
  if (!inside) return { expression: "shipped_weights()", imports: shipped };
  if (inside.startsWith("shipped_weights()")) return { expression: inside, imports: shipped };
  return { expression: `Path(${inside})`, imports: "from pathlib import Path" };
}

/** The chosen weights, whole and trained. @param {Explorer} explorer */
export const trainedNetwork = ({ network }) => loading("segmenter", network.code);

/** @param {string} name @param {string} code an expression */
export function loading(name, code) {
  const isBeside = code.includes("shipped_weights()");
  return pythonLines("from unet import Segmenter", isBeside && "from unet.segmenter import shipped_weights", `${name} = ${code}`);
}

/** Another network in its place: before training, or as it was after an epoch. @param {Explorer} explorer */
export function otherNetwork({ state: { random, epoch }, network: { code } }) {
  if (random) return "from unet import explain\nsegmenter = explain.random_twin(segmenter)  # before it learned anything";
  return epoch === null ? "" : loading("segmenter", codeOfEpoch(code, epoch));
}

/** @param {string} code of the finished network @param {number | string} epoch a number, or Python's name of one */
export const codeOfEpoch = (code, epoch) => code.replace(/\)$/, `${code === "Segmenter.load()" ? "" : ", "}epoch=${epoch})`);

/** The network that responds now. @param {Explorer} explorer */
export function respondingNetwork(explorer) {
  const other = otherNetwork(explorer);
  return explorer.state.random ? pythonLines(trainedNetwork(explorer), other) : other || trainedNetwork(explorer);
}

/** Rows and columns of the opened window, where it is a part of the image. @param {Explorer} explorer */
export function windowSlice({ image, window: { top, left, height, width } }) {
  return isWhole(image, { top, left, height, width }) ? "" : `[${top}:${top + height}, ${left}:${left + width}]`;
}

/** What the network sees is the whole image, or a part of it, or what it was changed to. @param {Explorer} explorer */
export const seenName = (explorer) => (explorer.input || windowSlice(explorer) ? "part" : "image");

/** The lines that make what the network sees. @param {Explorer} explorer */
export function seenPart(explorer) {
  if (explorer.input) {
    return pythonLines(
      "from pathlib import Path", "from unet.files.images import read_image",
      `file = Path("${CHANGED_FILE}")  # as you changed it: "Save the changed image" below this code`,
      "part = read_image(file.read_bytes(), file.name).grey",
    );
  }
  const slice = windowSlice(explorer);
  return slice && `part = image${slice}`;
}

/** The argument of replacements and cut_table, and the lines that make it. @param {Explorer} explorer */
export function fillOf({ state: { fill }, network: { samples, seeds }, window: { height, width } }) {
  if (fill === "zero") return { argument: "", lines: "" };
  if (fill === "mean") return { argument: ', "mean"', lines: "" };
  const seed = seeds[samples.indexOf(fill)];
  const lines = `from unet import synthetic\nfill, _ = synthetic.section(${seed})`;
  if (height === 101 && width === 101) return { argument: ", fill", lines };
  // Stretched to the size of what is opened.
  return {
    argument: ", fill",
    lines: `import cv2\nfrom unet.image import grey\n${lines}\nfill = cv2.resize(grey(fill), (${width}, ${height}))`,
  };
}

/** A forward pass with what is cut, as `trace`. @param {Explorer} explorer */
export function tracedPass(explorer) {
  const { cuts, fill } = explorer.state, seen = seenName(explorer);
  if (!cuts.length) return `trace = segmenter.trace(${seen})`;
  if (fill === "zero") {
    return `trace = segmenter.trace(${seen}, {${cuts.map((part) => `"${part}": 0.0`).join(", ")}})`;
  }
  const { argument, lines } = fillOf(explorer);
  return pythonLines(
    "from unet import explain", lines, `instead = explain.replacements(segmenter, ${seen}${argument})`,
    `trace = segmenter.trace(${seen}, {name: instead[name] for name in ${pythonTuple(cuts)}})`,
  );
}

/** Whether the network that responds is not the whole trained one on the image as it is. @param {Explorer} explorer */
export const isAltered = ({ state, input }) => state.random || state.cuts.length > 0 || state.epoch !== null || input !== "";
