// The image: its salt at a threshold that follows the finger, what is right and wrong of it, and what other panels
// lay over it.  Everything is drawn and counted here; only what was chosen goes to the explorer.

import { fileDropping } from "./dropping.js";
import { imageChip } from "./chip.js";
import { imageControls } from "./controls.js";
import { imageDrawing } from "./drawing.js";
import { imageElements } from "./elements.js";
import { imageGestures } from "./gestures.js";
import { imageOverview } from "./overview.js";
import { imagePainting } from "./painting.js";
import { imageSight } from "./sight.js";
import { openedWindow } from "./window.js";
import { undoButtons } from "./undo.js";
import { takeButtons } from "../take/take.js";
import { comparisonLegend, showAnswer, showChanges, showCursor, showFound, showNetwork } from "./readout.js";

/** @import { Explorer, Update } from "../types.js" */

const REPAINTED_BY = ["image", "input", "shown", "threshold", "look", "opacity", "truth", "overlay", "uncertainty", "window"];
const REDRAWN_BY = [...REPAINTED_BY, "swipe", "pixel", "box", "frames"];

/** @param {HTMLElement} host @param {Explorer} explorer @returns {Update} */
export function imagePanel(host, explorer) {
  const elements = imageElements(host);
  elements.tools.append(takeButtons(explorer, "-image", "the image", () => "image"));
  const { canvas, stage, screen, mark, guessed } = elements;
  const redraw = () => { frame ||= requestAnimationFrame(draw); };
  const sight = imageSight(canvas, explorer, redraw);
  const painting = imagePainting(explorer);
  const opened = openedWindow(elements, explorer, sight, redraw);
  const overview = imageOverview(elements, explorer, sight, painting, opened);
  const drawCanvas = imageDrawing(elements, explorer, sight, painting, opened);
  const gestures = imageGestures(elements, explorer, sight, opened);
  const showHistory = undoButtons(elements, explorer);
  const showControls = imageControls(elements, explorer);
  const showChip = imageChip(elements, explorer, painting);
  const showLegend = comparisonLegend(elements.legend, explorer);
  let frame = 0;
  /** @type {ReturnType<typeof showFound>} */
  let counts = null;

  function draw() {
    cancelAnimationFrame(frame);
    frame = 0;
    elements.dragsBox.hidden = sight.zoom === 1; // nothing to move
    overview.show();
    drawCanvas();
    opened.placeGrip();
  }

  function measure() { if (canvas.clientWidth) sight.unit = canvas.width / canvas.clientWidth; }

  /** What the image covers of the page that passes under it. */
  function measureStage() {
    const covers = getComputedStyle(stage).position === "sticky" ? stage.offsetHeight : 0;
    const viewer = /** @type {HTMLElement | null} */ (host.closest(".salt-viewer"));
    viewer?.style.setProperty("--stage", `${covers}px`);
  }

  function open() {
    const { width, height, chosen, guessed: notes } = explorer.image;
    guessed.hidden = !notes.length;
    guessed.textContent = notes.map((note) => `Note: ${note}.`).join(" ");
    // Every pixel a square of device pixels: edges stay sharp, and outlines run between pixels.
    const longest = Math.max(width, height);
    const wanted = longest > explorer.network.window ? 1200 : 800;
    const scale = longest > 2048 ? 2048 / longest : Math.max(1, Math.round(wanted / longest));
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    screen.style.setProperty("--aspect", String(width / height));
    painting.open();
    gestures.forget();
    sight.whole();
    mark.style.setProperty("--at", String(chosen));
    mark.title = `the threshold these weights were given: ${chosen.toFixed(2)}`;
    elements.chip.style.setProperty("--salt", `rgb(${explorer.palette.salt})`);
    measure();
  }

  new ResizeObserver(() => { measure(); redraw(); }).observe(canvas);
  new ResizeObserver(measureStage).observe(stage);
  fileDropping(elements, explorer);

  return function update(has) {
    if (has("image")) open();
    if (has("image", "input")) { painting.paintPlain(); overview.draw(); }
    if (has("tab")) sight.setTouch();
    if (has("image", "shown", "threshold")) counts = showFound(elements, explorer);
    if (has("image", "edits", "window")) showChanges(elements, explorer, opened.isPart());
    if (has("image", "maps", "shown", "predicted", "random", "epoch", "cuts", "window", "tta", "look", "edits")) showNetwork(elements, explorer, opened.isPart());
    if (has("image", "input", "shown", "hover", "pixel", "uncertainty", "window", "overlay")) showCursor(elements, explorer);
    if (has("image", "answer", "undone")) showAnswer(elements, explorer);
    if (has("image", "history")) showHistory();
    if (has("image", "window")) opened.show();
    if (has("image", "input", "threshold", "look", "opacity", "truth", "swipe", "overlay", "tta", "wide")) showControls();
    if (has(...REPAINTED_BY)) { showLegend(counts); painting.paint(); showChip(); }
    const { pixel } = explorer.state;
    if (has("pixel") && pixel && sight.zoom > 1 && !gestures.isBusy()) sight.bring(pixel);
    if (has(...REDRAWN_BY) || (explorer.state.tab === "touch" && has("hover", "tab"))) draw();
  };
}
