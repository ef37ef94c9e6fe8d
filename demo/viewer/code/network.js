// What every view's code begins with: the image, the network that looks at it, and the part that is opened.

import { isWhole } from "../lib/region.js";
import { pythonLines, pythonTuple } from "./script.js";

/** @import { Explorer } from "../types.js" */

/** The name under which the dialog saves a changed image, and the code opens it. */
export const CHANGED_FILE = "changed.png";

/** The image as it is in its file. @param {Explorer} explorer */
export const openedImage = ({ image }) => image.code;

/** The chosen weights, whole and trained. @param {Explorer} explorer */
export const trainedNetwork = ({ network }) => loading("segmenter", network.code);

/** @param {string} name @param {string} code an expression */
export function loading(name, code) {
  const isBeside = code.includes("shipped_weights()");
  return pythonLines("from unet import Segmenter", isBeside && "from unet.segmenter import shipped_weights", `${name} = ${code}`);
}

/** Another network in its place: the one before training. @param {Explorer} explorer */
export const otherNetwork = ({ state: { random } }) =>
  (random ? "from unet import explain\nsegmenter = explain.random_twin(segmenter)  # before it learned anything" : "");

/** The network that responds now. @param {Explorer} explorer */
export const respondingNetwork = (explorer) => pythonLines(trainedNetwork(explorer), otherNetwork(explorer));

/** Rows and columns of the opened window, where it is a part of the image. @param {Explorer} explorer */
export function windowSlice({ image, window: { top, left, height, width } }) {
  return isWhole(image, { top, left, height, width }) ? "" : `[${top}:${top + height}, ${left}:${left + width}]`;
}

/** What the network sees of the image, as `part`: the opened window, as it was changed. @param {Explorer} explorer */
export function seenPart(explorer) {
  if (explorer.input) {
    return pythonLines(
      "from pathlib import Path", "from unet.files.images import read_image",
      `file = Path("${CHANGED_FILE}")  # as you changed it: "Save the changed image" below this code`,
      "part = read_image(file.read_bytes(), file.name).grey",
    );
  }
  return `part = image${windowSlice(explorer)}`;
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
  const { cuts, fill } = explorer.state;
  if (!cuts.length) return "trace = segmenter.trace(part)";
  if (fill === "zero") {
    return `trace = segmenter.trace(part, {${cuts.map((part) => `"${part}": 0.0`).join(", ")}})`;
  }
  const { argument, lines } = fillOf(explorer);
  return pythonLines(
    "from unet import explain", lines, `instead = explain.replacements(segmenter, part${argument})`,
    `trace = segmenter.trace(part, {name: instead[name] for name in ${pythonTuple(cuts)}})`,
  );
}

/** Whether the network that responds is not the whole trained one on the image as it is. @param {Explorer} explorer */
export const isAltered = ({ state, input }) => state.random || state.cuts.length > 0 || state.epoch !== null || input !== "";
