// Touch the input: change the image with a tool and see what the network makes of it.
//
// explorer.state.edits says what was done (see edits.js); the image is drawn as it was changed, and its mask follows.

import { FIRST_SETTINGS, boundSettings, operationAlong, toolInHand } from "./hand.js";
import { LARGEST_BRUSH, LARGEST_SPREAD, parseEdits } from "./edits.js";
import { clamp, crop } from "../lib/region.js";
import { encodePng } from "../figure/png.js";
import { h, uniqueName } from "../lib/dom.js";
import { panelAnswer } from "../lib/answer.js";
import { saveFile } from "../take/save.js";
import { touchResult } from "./result.js";
import { CHANGED_FILE } from "../code/network.js";

/** @import { Explorer, Place, Update } from "../types.js" */
/** @import { Operation } from "./edits.js" */
/** @import { Settings, Tool } from "./hand.js" */

/** @type {Record<Tool, [string, string]>} */
const TOOLS = {
  paint: ["Paint", "Drag on the image to paint in one grey."],
  erase: ["Erase", "Drag to erase: what is left is the mean grey of the 21 × 21 pixels around each pixel, without reflections."],
  noise: ["Noise", "Drag to add noise of this standard deviation, in levels of grey from 0 to 255."],
  dead: ["Dead trace", "Click a column: its traces become one grey, 128, zero amplitude where black and white are equally far."],
  impulse: ["Impulse", "Click a pixel: it becomes white."],
  shift: ["Shift", "Drag the image by whole pixels. What comes in at an edge is mirrored; of a large image it is the image itself."],
};
/** Which of the settings a tool has. @type {Record<string, Tool[]>} */
const SETTINGS_OF = {
  size: ["paint", "erase", "noise"], grey: ["paint"], spread: ["noise"], width: ["dead"],
  place: ["paint", "erase", "noise", "dead", "impulse"], shift: ["shift"],
};

/** @param {string} testid @param {string} words @param {Record<string, string | number>} attributes @param {(value: number) => void} follow */
function numberField(testid, words, attributes, follow) {
  const input = h("input", { type: "number", step: 1, inputmode: "numeric", "data-testid": testid, ...attributes, onchange: () => {
    if (Number.isFinite(input.valueAsNumber)) follow(Math.round(input.valueAsNumber));
  } });
  return { input, label: h("label", {}, h("span", {}, words), input) };
}

/** @param {HTMLElement} host @param {Explorer} explorer @returns {Update} */
export function touchPanel(host, explorer) {
  if (explorer.offline) {
    host.append(h("p", { class: "note", "data-testid": "touch-offline" },
      "The network is not in this file. To change the image and see what it makes of it, open the image in the app "
        + "(python -m unet demo)."));
    return () => {};
  }
  /** @type {Settings} */
  let settings = FIRST_SETTINGS;
  const hand = explorer.hand = toolInHand(explorer, () => settings);
  const isOpen = () => explorer.state.tab === "touch";
  const result = touchResult(explorer, () => { if (isOpen()) draw(); });
  const answer = panelAnswer(explorer);

  const group = `salt-touch-${uniqueName()}`;
  const radios = Object.entries(TOOLS).map(([name, [word]]) => {
    const tool = /** @type {Tool} */ (name);
    const input = h("input", {
      type: "radio", name: group, value: name, "data-testid": `touch-tool-${name}`, onchange: () => choose({ tool }),
    });
    return { tool, input, label: h("label", {}, input, h("span", {}, word)) };
  });
  const how = h("p", { class: "note touch-how", "data-testid": "touch-how" });
  /** @param {Exclude<keyof Settings, "tool">} name @param {string} words @param {number} min @param {number} max */
  const setting = (name, words, min, max) =>
    ({ name, ...numberField(`touch-${name}`, words, { min, max }, (value) => choose({ [name]: value })) });
  const numbers = [
    setting("size", "Brush", 1, LARGEST_BRUSH), setting("grey", "Grey", 0, 255), setting("spread", "Strength", 1, LARGEST_SPREAD),
    setting("width", "Traces", 1, 999),
  ];
  const slider = h("input", {
    type: "range", min: 0, max: 255, step: 1, "aria-label": "Grey, from black to white", "data-testid": "touch-grey-slider",
    oninput: () => choose({ grey: slider.valueAsNumber }),
  });
  const row = numberField("touch-row", "Row", { min: 0 }, () => {});
  const column = numberField("touch-column", "Column", { min: 0 }, () => {});
  const apply = h("button", { "data-testid": "touch-apply", onclick: applyHere }, "Apply");
  const down = numberField("touch-shift-rows", "Rows down", {}, (value) => shift(value, shown().columns));
  const right = numberField("touch-shift-columns", "Columns right", {}, (value) => shift(shown().rows, value));
  const original = h("button", { "data-testid": "touch-original", onclick: goBack }, "Back to the original");
  const png = h("button", { "data-testid": "touch-png", onclick: save }, "Save as PNG");
  const add = (/** @type {Operation} */ operation) => () => hand.add(operation);
  const whole = h("div", { class: "row touch-whole" },
    h("button", { "data-testid": "touch-flip-h", onclick: add({ kind: "flip", axis: "h" }) }, "Flip ↔"),
    h("button", { "data-testid": "touch-flip-v", onclick: add({ kind: "flip", axis: "v" }) }, "Flip ↕"),
    h("button", { "data-testid": "touch-flat", onclick: impulseOnFlat }, "Impulse on flat grey"), original, png);
  for (const [i, words] of ["Flip left and right", "Flip top and bottom"].entries()) {
    whole.children[i].setAttribute("aria-label", `${whole.children[i].textContent}: ${words}`);
  }

  host.append(
    h("div", { class: "segments touch-tools", role: "radiogroup", "aria-label": "Tool for the image" }, radios.map(({ label }) => label)),
    h("div", { class: "row touch-settings" }, numbers.map(({ label }) => label), slider, row.label, column.label, apply,
      down.label, right.label),
    how, whole, result.box, ...result.over,
    h("details", { class: "note" }, h("summary", {}, "How to read this"),
      h("p", {}, "The network sees the changed image in 256 levels of grey, with everything it computes; the mask, the U, the "
        + "maps, the cuts and the explanations are of it. Of a large image only the opened window is changed. Flip TTA and "
        + "second weights stay with the original, and so does what the page Export makes."),
      h("p", {}, "Shifts and flips move the truth and the original's mask along: the difference is what the network makes of "
        + "the move. An area of one grey along a whole side is taken for a margin, never for salt; therefore flat grey is two "
        + "levels in turn, 119 and 120, near the mean that the network expects.")),
  );

  /** @param {Partial<Settings>} changes */
  function choose(changes) {
    settings = boundSettings({ ...settings, ...changes });
    showSettings();
  }

  function showSettings() {
    const { tool } = settings;
    for (const radio of radios) radio.input.checked = radio.tool === tool;
    how.textContent = TOOLS[tool][1];
    for (const { name, input, label } of numbers) {
      label.hidden = !SETTINGS_OF[name].includes(tool);
      input.value = String(settings[name]);
    }
    slider.hidden = !SETTINGS_OF.grey.includes(tool);
    slider.value = String(settings.grey);
    apply.hidden = column.label.hidden = !SETTINGS_OF.place.includes(tool);
    row.label.hidden = apply.hidden || tool === "dead";
    down.label.hidden = right.label.hidden = !SETTINGS_OF.shift.includes(tool);
  }

  /** The operations of now. */
  const operations = () => parseEdits(explorer.state.edits, explorer.original).operations;

  /** The shift that stands last, and can still be changed. */
  function shown() {
    const last = operations().at(-1);
    return last?.kind === "shift" ? last : { rows: 0, columns: 0 };
  }

  /** @param {number} rows @param {number} columns */
  function shift(rows, columns) {
    const before = shown();
    hand.add({ kind: "shift", rows: rows - before.rows, columns: columns - before.columns });
    showShift();
  }

  function goBack() {
    explorer.set({ edits: "" });
    radios.find(({ input }) => input.checked)?.input.focus({ preventScroll: true }); // the button is dead now
  }

  /** The pixel in the inputs. @returns {Place} */
  function place() {
    const { height, width } = explorer.original;
    const [y, x] = [row, column].map(({ input }) => Math.round(input.valueAsNumber || 0));
    return [clamp(y, 0, height - 1), clamp(x, 0, width - 1)];
  }

  function applyHere() {
    const at = place();
    hand.add(operationAlong(settings, [at], explorer, operations().length));
    writePlace(at); // inside the image
  }

  function impulseOnFlat() {
    const [row, column] = place();
    hand.add({ kind: "flat" });
    hand.add({ kind: "impulse", row, column });
  }

  /** @param {Place} place */
  function writePlace([y, x]) {
    row.input.value = String(y);
    column.input.value = String(x);
  }

  /** The chosen pixel, or the middle of the opened window. */
  function showPlace() {
    const { state: { pixel }, window } = explorer;
    writePlace(pixel ?? [window.top + (window.height >> 1), window.left + (window.width >> 1)]);
  }

  function showShift() {
    down.input.value = String(shown().rows);
    right.input.value = String(shown().columns);
  }

  async function save() {
    const { image, window } = explorer;
    saveFile(await encodePng(crop(image.grey, image, window), window.width, window.height), CHANGED_FILE);
  }

  function draw() {
    const { edits } = explorer.state;
    original.disabled = !edits;
    if (!explorer.input) {
      result.clear();
      answer.give(edits, edits ? "The change leaves every pixel of the opened part as it was." : "");
      return;
    }
    const sentence = result.show();
    if (sentence) answer.give(edits, sentence);
  }

  showSettings();
  return function update(has) {
    result.follow();
    if (has("answer")) answer.follow();
    if (has("image", "pixel", "window")) showPlace();
    if (has("image", "edits")) showShift();
    if (isOpen()) {
      if (has("image", "tab", "input", "predicted", "epochs", "threshold", "cuts", "rest", "random", "epoch")) draw();
      return;
    }
    // What was found before holds no more, and the panel does not work it out anew while nobody sees it.
    if (has("image", "input", "random", "epoch")) result.clear();
    if (has("image", "input", "predicted", "threshold", "cuts", "random", "epoch")) answer.give("", "");
  };
}
