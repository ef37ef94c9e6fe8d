// Ask a pixel why: which pixels its logit depends on, which levels speak for it, and how far the network looks.

import { COPIES, copiesOf, isHeldBack, pixelRequests, shownWeights } from "./requests.js";
import { clamp, isWhole } from "../lib/region.js";
import { conditionWords, panelAnswer } from "../lib/answer.js";
import { fixed, wholeNumber } from "../lib/format.js";
import { checkbox, h } from "../lib/dom.js";
import { pixelFaithfulness } from "./faithfulness.js";
import { pixelMaps } from "./maps.js";

/** @import { Box, Explorer, Frame, Place, Update } from "../types.js" */
/** @import { PixelFindings, PixelPlace } from "./requests.js" */

/** @param {Box} box */
function boxWords([top, left, height, width]) {
  if (height * width === 1) return `Row ${top}, column ${left}`;
  const rows = `Rows ${top} to ${top + height - 1}, columns ${left} to ${left + width - 1}`;
  return `${rows}, mean of ${wholeNumber(height * width)} pixels`;
}

/**
 * As far as a logit could look, in the opened window.
 * @param {Explorer} explorer
 * @param {Box} box
 * @returns {Frame}
 */
function theoreticalField({ network: { field }, window }, [top, left, height, width]) {
  const reach = field >> 1;
  const first = Math.max(window.top, top - reach), start = Math.max(window.left, left - reach);
  return {
    top: first, left: start,
    height: Math.min(window.top + window.height, top - reach + field + height - 1) - first,
    width: Math.min(window.left + window.width, left - reach + field + width - 1) - start,
    label: "receptive field", dashed: true,
  };
}

/** The pixel and the box as numbers. @param {Explorer} explorer */
function pixelInputs(explorer) {
  const names = ["Row", "Column", "Height", "Width"];
  const inputs = names.map((name, i) => h("input", {
    type: "number", min: i < 2 ? 0 : 1, step: 1, inputmode: "numeric", "data-testid": `why-${name.toLowerCase()}`,
    onchange: read,
  }));
  let written = ""; // the place that stands in the inputs

  const place = () => JSON.stringify([explorer.image.key, explorer.state.pixel, explorer.state.box]);

  /** A place that stands there already is not written again: somebody may be typing the next one. */
  function follow() { if (written !== place()) write(); }

  function read() {
    const { height, width } = explorer.image;
    const [row, column, ...sides] = inputs.map((input) => Math.round(input.valueAsNumber));
    if (Number.isNaN(row) || Number.isNaN(column)) return; // the other number is still to come
    const [rows, columns] = [height, width].map((length, axis) => {
      const size = clamp(sides[axis] || 1, 1, length);
      return { start: clamp([row, column][axis] - (size >> 1), 0, length - size), size };
    });
    /** @type {Place} */
    const pixel = [rows.start + (rows.size >> 1), columns.start + (columns.size >> 1)];
    /** @type {Box} */
    const box = [rows.start, columns.start, rows.size, columns.size];
    explorer.set({ pixel, box: rows.size * columns.size > 1 ? box : null });
    write();
  }

  function write() {
    const { pixel, box } = explorer.state;
    const { height, width } = explorer.image;
    const most = [height - 1, width - 1, height, width];
    written = place();
    const values = [...(pixel ?? ["", ""]), box?.[2] ?? 1, box?.[3] ?? 1].map(String);
    inputs.forEach((input, i) => {
      input.max = String(most[i]);
      if (input.value !== values[i]) input.value = values[i];
    });
  }

  const labels = inputs.map((input, i) => h("label", {}, names[i], input));
  return { labels, follow, focus: () => inputs[0].focus() };
}

/** @param {HTMLElement} host @param {Explorer} explorer @returns {Update} */
export function pixelPanel(host, explorer) {
  const invite = h("p", { "data-testid": "why-invite" }, "Click a pixel of the image, or drag a box over it, and see "
    + "what its answer rests on.");
  const value = h("p", { class: "why-value", "data-testid": "why-value" });
  const sentence = h("p", { class: "why-sentence", "data-testid": "why-sentence" });
  const field = h("p", { class: "note", "data-testid": "why-field" });
  const problem = h("p", { class: "why-problem", role: "alert", "data-testid": "why-problem" });
  const again = h("button", { "data-testid": "why-again", onclick: retry }, "Ask again");
  const move = h("button", { "data-testid": "why-window", onclick: moveWindow }, "Open the part around it");
  const pending = h("span", { "data-testid": "why-state" });
  const progress = h("progress", { max: COPIES, "aria-label": "Noisy copies", "data-testid": "why-progress" });
  const stop = h("button", { "data-testid": "why-stop", onclick: stopCopies }, "Stop");
  const copies = h("div", { class: "row note why-copies" }, pending, progress, stop);
  let everyFrame = false; // also those of half of the influence and of what could have any
  const more = checkbox("why-frames", (checked) => { everyFrame = checked; draw(); });
  const random = checkbox("why-random", (checked) => explorer.set({ random: checked }));
  const inputs = pixelInputs(explorer);
  const leave = h("button", { class: "why-forget", "data-testid": "why-forget", onclick: forget }, "Forget");
  const maps = pixelMaps(explorer);
  const faithfulness = pixelFaithfulness(explorer, draw);
  const explanation = h("details", { class: "note" }, h("summary", {}, "How to read this"), field,
    h("p", {}, "The gradient shows which pixels would move this logit if they were a little brighter; the strongest "
      + "hundredth has the full colour. SmoothGrad is its mean over noisy copies of the image; finer detail than it is "
      + "smoothed to is not the same in every copy, and with other noise it would be this map again with a correlation of "
      + "about its reliability. Grad-CAM shows where the maps of a level speak for salt here; where all is dark, none "
      + "does. No map shows what the network would say of another image."));
  const content = h("div", { class: "why-content", hidden: true }, sentence, maps.box, copies, faithfulness.box,
    h("div", { class: "row" }, faithfulness.button,
      h("label", {}, random, h("span", {}, "Random weights")),
      h("label", {}, more, h("span", {}, "Frame the 50 % and the receptive field too"))),
    maps.sanity, explanation);
  const findingsBox = h("div", { "data-testid": "pixel-why" }, value, problem, again, move, content);
  const answer = panelAnswer(explorer);

  host.append(invite, h("div", { class: "row why-place" }, ...inputs.labels, leave), findingsBox);

  const requests = pixelRequests(explorer, (weights, fresh) => {
    draw();
    if (!fresh || shownWeights(explorer) !== weights) return;
    explorer.say(`${value.textContent} ${problem.textContent || sentence.textContent}`);
  });
  /** @type {string | null} */
  let drawn = null; // the scene whose maps stand there
  /** @type {Frame[]} */
  let frames = []; // as this panel wants them

  function retry() { requests.retry(); draw(); }

  function stopCopies() { requests.stop(); draw(); }

  function forget() {
    explorer.set({ pixel: null, box: null });
    inputs.focus(); // the button goes away
  }

  function moveWindow() {
    const { image, window } = explorer, place = requests.place();
    if (!place) return;
    const [top, left, height, width] = place.box;
    explorer.set({ window: [
      clamp(top + ((height - window.height) >> 1), 0, image.height - window.height),
      clamp(left + ((width - window.width) >> 1), 0, image.width - window.width),
    ] });
  }

  function draw() {
    const place = requests.place();
    if (!place) return;
    const findings = place.known[shownWeights(explorer)];
    const where = boxWords(place.box);
    problem.textContent = place.inside ? findings?.error ?? "" : `${where}: this does not lie inside the opened part.`;
    problem.hidden = !problem.textContent;
    again.hidden = !findings?.error;
    move.hidden = place.inside;
    const isPending = place.inside && !findings;
    findingsBox.setAttribute("aria-busy", String(isPending));
    if (drawn && (drawn !== place.scene || !place.inside || (!findings && isHeldBack(explorer)))) wipe();
    content.classList.toggle("stale", findings?.logit === undefined);
    value.hidden = findings?.logit === undefined && !isPending;
    if (findings?.logit !== undefined) {
      drawn = place.scene;
      drawFindings(place, findings, where);
      return;
    }
    value.textContent = isPending ? `${where}: is computed…` : "";
    answer.give(question(place), "");
    sentence.textContent = "…"; // the maps may stand there a moment longer, but no number of another pixel
    faithfulness.drop();
    copies.hidden = true;
    if (findings?.error) wipe();
  }

  /** @param {PixelPlace} place */
  const question = (place) => `${place.scene} ${place.box} ${shownWeights(explorer)}`;

  /** @param {PixelPlace} place @param {PixelFindings} findings @param {string} where */
  function drawFindings(place, findings, where) {
    const probability = `probability ${findings.probability.toFixed(2)}`, conditions = conditionWords(explorer);
    value.textContent = `${where}: ${probability}, logit ${fixed(findings.logit, 2)}${conditions}.`;
    const [wide, narrow] = ["90", "50"].map((share) => findings.boxes[share]);
    sentence.textContent = `90 % of the influence comes from ${wide[2]} x ${wide[3]} pixels (rows x columns), `
      + `50 % from ${narrow[2]} x ${narrow[3]}.`;
    const uncut = explorer.state.cuts.length ? ", nothing cut" : "";
    const verdict = faithfulness.answer(place);
    answer.give(`${question(place)} ${Boolean(verdict)}`, `${where}${uncut}${conditions}: `
      + (verdict ? verdict[0].toLowerCase() + verdict.slice(1) : `${probability}; 90 % of the influence comes from ${wide[2]} x ${wide[3]} pixels.`));
    content.hidden = false;
    drawCopies(place, findings);
    faithfulness.draw(place);
    maps.box.hidden = faithfulness.isOpen(); // what was asked is in sight
    drawField(place.box, wide, narrow);
    maps.draw(place.known);
  }

  /** How far the noisy copies are, or what they made of the map. @param {PixelPlace} place @param {PixelFindings} findings */
  function drawCopies(place, findings) {
    const isUnderWay = !findings.smooth && !findings.error && !place.stopped;
    const count = copiesOf(findings);
    copies.hidden = faithfulness.isOpen();
    progress.hidden = stop.hidden = !isUnderWay;
    progress.value = count;
    if (findings.smooth) {
      const { sigma, reliability } = findings.smooth;
      const smoothed = sigma ? `smoothed over ${sigma} pixels (σ)` : "not smoothed";
      pending.textContent = `SmoothGrad: the mean of ${COPIES} noisy copies, ${smoothed}; reliability `
        + `${reliability.toFixed(2)}.`;
    } else if (isUnderWay) pending.textContent = `SmoothGrad: ${count} of ${COPIES} noisy copies…`;
    else pending.textContent = "The input gradient of the image as it is, without noisy copies.";
  }

  /**
   * How far a logit could look, against where its influence really comes from.
   * @param {Box} box
   * @param {Box} wide
   * @param {Box} narrow
   */
  function drawField(box, wide, narrow) {
    const { network, window, image } = explorer;
    const theory = theoreticalField(explorer, box);
    const whole = isWhole(image, window) ? "image" : "opened part";
    const covers = isWhole(window, theory) ? `, here on the whole ${whole}` : "";
    const uncut = explorer.state.cuts.length ? " This is the answer of the whole network: nothing is cut for it." : "";
    const framed = everyFrame ? "the frames hold 90 % and 50 % of it" : "the frame holds 90 % of it";
    field.textContent = `Influence is the size of the input gradient in the opened part; ${framed}. `
      + `The receptive field, what a logit can depend on at all, is up to ${network.field} × ${network.field} pixels `
      + `around it${covers}${everyFrame ? ": the dashed frame" : ""}. The logit is taken before the card's temperature.`
      + uncut;
    const frame = (/** @type {Box} */ [top, left, height, width], /** @type {string} */ label) =>
      ({ top, left, height, width, label, dashed: false });
    frames = everyFrame ? [theory, frame(wide, "90 %"), frame(narrow, "50 %")] : [frame(wide, "90 % of the influence")];
    setFrames();
  }

  const setFrames = () => explorer.set({ frames }, { settled: false });

  /** Nothing of another scene stays in the image. */
  function wipe() {
    drawn = null;
    content.hidden = true;
    frames = [];
    setFrames();
    maps.overlay.stepAside();
  }

  return function update(has) {
    maps.overlay.follow();
    if (has("overlay")) maps.mark();
    if (has("answer")) answer.follow();
    if (drawn && explorer.state.frames !== frames) setFrames(); // a new view from the server takes them away
    if (!has("image", "pixel", "box", "random", "epoch", "window", "tab", "edits", "rest", "cuts", "tta")) return;
    inputs.follow();
    random.checked = explorer.state.random;
    const place = requests.follow();
    invite.hidden = Boolean(place);
    findingsBox.hidden = leave.hidden = !place;
    if (!place) {
      faithfulness.drop();
      answer.give("", "");
      if (drawn) wipe();
      maps.overlay.drop();
      return;
    }
    draw();
    requests.pump();
  };
}
