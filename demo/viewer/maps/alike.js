// Alike places: where else in this image, and in another, the opened site's features are like those at one place.
//
// Everything is computed from the maps that are here; only a sample that was never looked at is asked for, once.

import { cellPixels, clamp, placeOnMap, siteGrid } from "../lib/region.js";
import { cosineSimilarity, featureNorms, medianOf, mostAlike, positionsApart, seeksAlike } from "./similarity.js";
import { fixed, plural } from "../lib/format.js";
import { h } from "../lib/dom.js";
import { mapScale, paletteRamp } from "../lib/color.js";
import { overlayOf } from "../lib/overlay.js";
import { paintOther, paintSimilarity } from "./alike_picture.js";
import { panelAnswer } from "../lib/answer.js";
import { MOST_SEEN, changedWords, seenImages } from "./seen.js";
import { windowPosition } from "./core_sample.js";

/** @import { Explorer, Maps, Place, Size, Update } from "../types.js" */
/** @import { MapValues } from "./values.js" */
/** @import { SeenImage } from "./seen.js" */
/** @typedef {ReturnType<typeof siteGrid>} SiteGrid */
/** @typedef {{ similarity: Float32Array, map: Maps, grid: SiteGrid, window: Size, best: number }} Likeness best is a position */

/** @param {Place} place */
const whereWords = ([row, column]) => `row ${row}, column ${column}`;

/** The position of a site that covers a pixel of the window, row by row. @param {SiteGrid} grid @param {Place} pixel */
const positionAt = ({ stride, down, right, width }, [row, column]) =>
  Math.floor((row + down) / stride) * width + Math.floor((column + right) / stride);

/** @param {Explorer} explorer @param {MapValues} values */
export function alikePlaces(explorer, values) {
  const seen = seenImages(explorer);
  const button = h("button", {
    "data-testid": "alike", title: "Where else are the features of this block like those at one place?", onclick: toggle,
  }, "Alike places");
  const inputs = ["Row", "Column"].map((name) => h("input", {
    type: "number", step: 1, inputmode: "numeric", "data-testid": `alike-${name.toLowerCase()}`, onchange: readInputs,
  }));
  const select = h("select", { "data-testid": "alike-image", onchange: load });
  const lowest = h("span"), ramp = h("canvas", { "aria-hidden": "true" });
  const controls = h("div", { class: "row alike-controls", hidden: true },
    h("label", {}, "Row", inputs[0]), h("label", {}, "Column", inputs[1]), h("label", {}, "Beside", select),
    h("span", { class: "legend" }, lowest, ramp, h("span", {}, "1")));
  const status = h("p", { class: "note status", "data-testid": "alike-status", hidden: true });
  const canvas = h("canvas", { role: "img" }), caption = h("figcaption");
  const stage = h("div", { class: "enlarged" }, canvas);
  const other = h("figure", { class: "alike-other", "data-testid": "alike-other", hidden: true },
    caption, h("div", { class: "frame" }, stage));
  const meaning = h("p");
  const explanation = h("details", { class: "note alike-meaning", hidden: true }, h("summary", {}, "What this compares"), meaning,
    h("p", {}, "Of networks trained on photographs it is known that such vectors find parts of objects again, finer than "
      + "their receptive fields (Long, Zhang and Darrell 2014, Do Convnets Learn Correspondence?). Near an edge a place can "
      + "be alike because of the edge: the zeros that convolutions put around an image tell a network where it is (Islam, "
      + `Jia and Bruce 2020). Kept on this page are the maps of the last ${MOST_SEEN} images and samples.`));
  const overlay = overlayOf(explorer, "alike"), answer = panelAnswer(explorer);
  const laid = h("canvas"); // what lies over the image

  /** @type {SeenImage | null} */
  let beside = null; // the other image
  let trouble = ""; // why it is not there
  let pending = 0; // which loading of it is the last
  let listed = ""; // the options that stand in the list
  /** @type {(Likeness & { cell: number }) | null} */
  let here = null; // with the place's position
  /** @type {Likeness | null} */
  let there = null;
  /** @type {Place | null} */
  let pointed = null; // in the other image

  function toggle() {
    const { row, column } = windowPosition(explorer), { top, left } = explorer.window;
    explorer.set({ alike: explorer.state.alike ? null : [top + row, left + column] });
  }

  /** The place, inside the window. @returns {Place} */
  function place() {
    const { top, left, height, width } = explorer.window, [row, column] = explorer.state.alike ?? [0, 0];
    return [clamp(row, top, top + height - 1), clamp(column, left, left + width - 1)];
  }

  function readInputs() {
    const [row, column] = inputs.map((input) => Math.round(input.valueAsNumber));
    if (Number.isNaN(row) || Number.isNaN(column)) return; // the other number is still to come
    explorer.set({ alike: [row, column] });
    writeInputs(true); // inside the window
  }

  /** Somebody may be typing the next number. @param {boolean} [isTyped] whether what has the focus is done, too */
  function writeInputs(isTyped = false) {
    const { window } = explorer, starts = [window.top, window.left], lengths = [window.height, window.width];
    place().forEach((value, axis) => {
      Object.assign(inputs[axis], { min: starts[axis], max: starts[axis] + lengths[axis] - 1 });
      if (isTyped || !inputs[axis].matches(":focus")) inputs[axis].value = String(value);
    });
  }

  /** What can be compared with: it changes with the open image and with the network. */
  function list() {
    const opened = seen.others(), { samples } = explorer.network;
    const names = opened.map(([, { name, conditions }]) => (conditions ? `${name} (${conditions})` : name));
    const key = JSON.stringify([opened.map(([id]) => id), names, samples]);
    if (key === listed) return;
    listed = key;
    const chosen = select.value;
    const groups = [
      h("optgroup", { label: "Opened on this page" },
        opened.map(([id], i) => h("option", { value: `opened ${id}` }, names[i]))),
      h("optgroup", { label: "Samples" }, samples.map((name) => h("option", { value: `sample ${name}` }, name))),
    ];
    const filled = groups.filter((group) => group.children.length);
    select.replaceChildren(h("option", { value: "" }, filled.length ? "no other image" : "none was opened yet"), ...filled);
    select.value = chosen;
    if (select.selectedIndex < 0) select.value = "";
  }

  /** The other image, as the network is now. */
  async function load() {
    const own = ++pending, [kind] = select.value.split(" ", 1), name = select.value.slice(kind.length + 1);
    beside = null;
    trouble = kind === "sample" ? `${name} is computed…` : "";
    if (kind === "opened") beside = seen.find(name) ?? null;
    draw();
    if (kind !== "sample") return;
    let found = null, problem = "";
    try {
      found = await seen.sample(name);
    } catch (error) {
      problem = `${name}: ${/** @type {Error} */ (error).message}`;
    }
    if (own !== pending) return;
    beside = found;
    trouble = problem;
    draw();
  }

  /** How alike all places of the opened site are, here and in the other image. */
  function compare() {
    here = there = null;
    const { layer } = explorer.state, map = layer && values.mapOf(layer);
    if (!map) return;
    const { window } = explorer, grid = values.gridOf(layer), [row, column] = place();
    const cell = positionAt(grid, [row - window.top, column - window.left]);
    /** @type {Place} */
    const position = [Math.floor(cell / map.width), cell % map.width];
    const similarity = cosineSimilarity(map, cell);
    here = { similarity, map, grid, window, cell, best: mostAlike(similarity, map, position, grid.stride) };
    const counterpart = beside?.sites[layer];
    if (!beside || counterpart?.channels !== map.channels) return;
    const across = cosineSimilarity(map, cell, counterpart);
    there = {
      similarity: across, map: counterpart, window: beside.window, best: mostAlike(across, counterpart),
      grid: siteGrid({ network: explorer.network, window: beside.window }, grid),
    };
  }

  const isSigned = () => [here, there].some((one) => one && mapScale(one.map).signed);

  /** @param {Likeness} likeness @param {number} cell of it @param {Place} [corner] of its window @returns {Place} */
  function placeOf({ window, grid }, cell, [top, left] = [0, 0]) {
    const { middle } = cellPixels(window, grid, cell);
    return [top + middle[0], left + middle[1]];
  }

  /** The similarity at a pixel of a window, in words. @param {Likeness} likeness @param {Place} at in its window */
  function read({ similarity, grid, window }, [row, column]) {
    if (row < 0 || column < 0 || row >= window.height || column >= window.width) return "";
    const cell = positionAt(grid, [row, column]);
    return Number.isNaN(similarity[cell]) ? "no similarity: all is 0" : `similarity ${fixed(similarity[cell], 2)}`;
  }

  /** At a pixel of the open image. @param {Place} at */
  const readHere = ([row, column]) => (here ? read(here, [row - explorer.window.top, column - explorer.window.left]) : "");

  function draw() {
    compare();
    writeInputs();
    drawScale();
    drawStatus();
    drawOther();
    lay();
    const { layer } = explorer.state;
    answer.give(JSON.stringify([layer, place(), beside?.name]), here ? answerWords(here) : "");
  }

  /** What was found, in one sentence. @param {Likeness} own */
  function answerWords(own) {
    const { map, grid, best, similarity } = own, { top, left } = explorer.window;
    const start = `${explorer.state.layer} at ${whereWords(place())}`;
    if (similarity.every(Number.isNaN)) {
      return `${start}: all ${plural(map.channels, "value")} are 0 there, so it is like no other place.`;
    }
    const away = positionsApart(grid.stride) * grid.stride;
    const found = best >= 0
      ? `most alike, ${away} pixels away or more, is ${whereWords(placeOf(own, best, [top, left]))}, similarity `
        + `${fixed(similarity[best], 2)}`
      : `no other place is ${away} pixels away`;
    const across = beside && there && there.best >= 0
      ? `; in ${beside.name} ${whereWords(placeOf(there, there.best))}, similarity ${fixed(there.similarity[there.best], 2)}` : "";
    return `${start}: ${found}${across}.`;
  }

  function drawScale() {
    const { palette } = explorer, signed = isSigned(), { channels } = here?.map ?? { channels: 0 };
    paletteRamp(signed ? palette.diverging : palette.sequential, ramp);
    lowest.textContent = signed ? "similarity −1" : "similarity 0";
    meaning.textContent = `The cosine similarity of all ${plural(channels, "value")} of this block at one position with those `
      + "at every other: 1 where they are in the same proportions, 0 where they have nothing in common"
      + (signed ? ", −1 where they are opposite. " : ", and never below 0, because none of them is negative. ")
      + "It is computed from the maps as they are here, in 256 levels each, and says what is alike for this network, not what "
      + "the rock is.";
  }

  function drawStatus() {
    if (!here) {
      status.textContent = `${explorer.state.layer} is computed…`;
      return;
    }
    const { hover } = explorer.state, { top, left } = explorer.window;
    // At the place itself it is 1: a finger that chose it stays there.
    const isElsewhere = hover && positionAt(here.grid, [hover[0] - top, hover[1] - left]) !== here.cell;
    const word = isElsewhere && readHere(hover);
    if (word) status.textContent = `${whereWords(hover)}: ${word}`;
    else if (pointed && there && beside) status.textContent = `${beside.name}, ${whereWords(pointed)}: ${read(there, pointed)}`;
    else status.textContent = trouble || summary();
  }

  /** What is usual: a similarity says something only beside the others. */
  function summary() {
    const { similarity, map } = /** @type {Likeness} */ (here);
    const median = medianOf(similarity);
    if (Number.isNaN(median)) return "All values are 0 at this place: it has no direction to compare. Choose another one.";
    const zeros = featureNorms(map).filter((norm) => norm === 0).length;
    const least = similarity.reduce((one, value) => (value < one ? value : one), 1);
    return `Half of all places are above ${fixed(median, 2)}, the least alike has ${fixed(least, 2)}`
      + (zeros ? `; ${plural(zeros, "place")} with nothing but 0 ${zeros === 1 ? "has" : "have"} none` : "")
      + (there && beside ? `; in ${beside.name} half are above ${fixed(medianOf(there.similarity), 2)}.` : ".");
  }

  function drawOther() {
    other.hidden = !there || !beside;
    other.parentElement?.classList.toggle("other", !other.hidden);
    if (!there || !beside) return;
    const { similarity, grid, best, window } = there;
    paintOther(canvas, beside, similarity, grid, best, explorer.palette, isSigned());
    stage.style.setProperty("--ratio", String(window.width / window.height));
    const found = best < 0 ? "nothing to compare" : `${whereWords(placeOf(there, best))}: ${fixed(similarity[best], 2)}`;
    const conditions = [changedWords(explorer.state), beside.conditions];
    const compared = conditions.some(Boolean)
      ? h("span", {}, conditions.map((words, i) => `${["here", "there"][i]}: ${words || "unchanged"}`).join("; ")) : "";
    caption.replaceChildren(h("b", {}, beside.name), " ", h("span", {}, found), " ", compared);
    canvas.setAttribute("aria-label", `Similarity in ${beside.name}; most alike is ${found}`);
  }

  function lay() {
    if (!here) return overlay.stepAside();
    const { similarity, grid, best, window, cell } = here, { palette } = explorer, { top, left } = explorer.window;
    const signed = isSigned();
    paintSimilarity(laid, similarity, window, grid, palette, signed);
    const frame = (/** @type {number} */ position, /** @type {string} */ label, dashed = false) => {
      const { top: down, left: right, height, width } = cellPixels(window, grid, position);
      return { top: top + down, left: left + right, height, width, label, dashed };
    };
    overlay.lay({
      canvas: laid, ...explorer.window, smooth: false, read: readHere,
      frames: [frame(cell, "this place"), ...(best < 0 ? [] : [frame(best, "most alike", true)])],
      label: `Similarity to ${whereWords(place())} in ${explorer.state.layer}`,
      scale: {
        colors: signed ? palette.diverging : palette.sequential, low: signed ? "−1" : "0", high: "1", quantity: "similarity",
      },
    });
  }

  canvas.addEventListener("pointermove", (event) => {
    if (!there) return;
    pointed = placeOnMap({ window: { ...there.window, top: 0, left: 0 } }, there.grid, event, canvas);
    drawStatus();
  });
  canvas.addEventListener("pointerleave", () => { pointed = null; drawStatus(); });

  return {
    button, controls, status, other, explanation,

    /**
     * Takes a click on a drawn map for a place, where one is looked for; a click by a key is meant for the button.
     * @param {MouseEvent} event
     * @param {Element} picture
     */
    pick(event, picture) {
      const { layer } = explorer.state;
      if (!layer || !seeksAlike(explorer.state) || event.detail === 0) return false;
      explorer.set({ alike: placeOnMap(explorer, values.gridOf(layer), event, picture) });
      return true;
    },

    /** @type {Update} */
    update(has) {
      const { state } = explorer, isOn = seeksAlike(state);
      overlay.follow();
      if (has("maps")) seen.keep();
      button.hidden = state.layer === "logits";
      button.setAttribute("aria-pressed", String(isOn));
      for (const part of [controls, status, explanation]) part.hidden = !isOn;
      if (!isOn) {
        other.hidden = true;
        other.parentElement?.classList.remove("other");
        if (has("alike", "layer")) overlay.drop();
        overlay.stepAside();
        answer.give("", "");
        return;
      }
      if (has("alike", "image", "maps", "random", "epoch")) list();
      if (has("image", "random", "epoch", "cuts", "fill")) load();
      else if (has("alike", "layer", "tab", "maps", "window")) draw();
      else if (has("hover")) drawStatus();
      if (has("alike") && here) explorer.say(answerWords(here));
      if (has("answer")) answer.follow();
    },
  };
}
