// The elements of the image panel.

import { find, uniqueName } from "../lib/dom.js";

/** @typedef {ReturnType<typeof imageElements>} ImageElements */

const radio = (/** @type {string} */ value, /** @type {string} */ word, rest = "", test = "") =>
  `<label ${rest}><input type="radio" value="${value}" ${test}><span>${word}</span></label>`;

const TTA_TITLE = "Average with the mirrored image (test-time augmentation)";
const UNCERTAINTY_TITLE = "How far the probability moves under flips and small shifts";

/** An arrow that turns back; mirrored it turns forth. */
const ARROW_BACK = `<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
  <path d="M6 2 2.5 5.5 6 9M3 5.5h6.5a4 4 0 0 1 0 8H6"/></svg>`;

// Nothing but what another gesture asked for lies over the canvas: a click on any pixel reaches it.
const IMAGE_MARKUP = `
  <div class="toolbar">
    <div role="radiogroup" aria-label="Show salt as" class="segments looks">
      ${radio("fill", "Fill")} ${radio("contour", "Contour")} ${radio("heat", "Heat map")}
      ${radio("uncertainty", "Uncertainty", `title="${UNCERTAINTY_TITLE}"`, 'data-testid="uncertainty"')}</div>
    <label class="browse" data-testid="drop-zone" title="Images, masks, SEG-Y or a session ZIP, dropped anywhere on the page">
      <input type="file" multiple aria-label="Open images, masks, SEG-Y or a session ZIP"><span class="drop">Drop or open…</span>
      <span class="tap">Open…</span></label>
    <span class="history" role="group" aria-label="Undo and redo">
      <button type="button" data-testid="undo" aria-label="Undo" disabled>${ARROW_BACK}</button>
      <button type="button" data-testid="redo" aria-label="Redo" disabled>${ARROW_BACK}</button></span>
    <span class="zoom" role="group" aria-label="Zoom">
      <button type="button" value="out" aria-label="Zoom out">−</button>
      <button type="button" value="in" aria-label="Zoom in">+</button> <button type="button" value="whole">Whole</button>
    </span>
    <div class="tools">
    <label class="truth" title="Compare with the truth"><input type="checkbox" data-testid="salt-truth">Truth</label>
    <label title="The plain image on the left of a line, its salt on the right">
      <input type="checkbox" data-testid="salt-plain">Before / after</label>
    <label class="opacity">Opacity <input type="range" min="0" max="1" step="0.05" data-testid="salt-opacity"></label>
    <label class="swipe" hidden>Line <input type="range" min="0" max="1" step="0.01" data-testid="salt-swipe"></label>
    <div role="radiogroup" aria-label="Dragging on the image" class="segments drags" hidden>
      ${radio("select", "Select", 'title="Dragging marks a box"')}
      ${radio("move", "Move", 'title="Dragging moves the enlarged image"')}</div>
    <button type="button" class="widen" data-testid="salt-wide" hidden>Full width</button>
    </div>
  </div>
  <div class="stage">
    <div class="screen">
      <canvas data-testid="salt-viewer" role="img" tabindex="0"></canvas>
      <div class="divider" data-testid="salt-divider" aria-hidden="true" hidden></div>
      <div class="grip" data-testid="salt-grip" aria-hidden="true" title="Move the window" hidden></div>
      <div class="overview" data-testid="salt-overview" aria-hidden="true" title="Where this is in the whole image" hidden>
        <canvas></canvas><div class="opened" hidden></div><div class="sight"></div></div>
      <p class="chip" data-testid="salt-chip"><span class="meaning"><span class="gold"></span>what the network calls salt</span>
        <span class="scale" hidden><span class="lowest"></span><canvas aria-hidden="true"></canvas><span class="limit"></span>
          <span class="quantity"></span></span></p>
      <p class="hint" data-testid="salt-wheel" hidden></p>
      <p class="dropping" hidden><b>Drop to open</b> images, masks, SEG-Y or a session ZIP</p>
    </div>
  </div>
  <div class="result">
    <p class="found">
      <output data-testid="salt-readout" aria-live="off"></output>
      <output class="scores" data-testid="salt-scores" aria-live="off"></output>
    </p>
    <div class="threshold">
      <label>Threshold <span class="track">
        <input type="range" min="0" max="1" step="0.01" data-testid="salt-threshold"><span class="mark"></span></span></label>
      <input type="number" min="0" max="1" step="0.01" aria-label="Threshold, exact" data-testid="salt-threshold-exact">
      <label title="${TTA_TITLE}"><input type="checkbox" data-testid="tta">Flip TTA</label>
    </div>
    <p class="cursor" data-testid="salt-cursor"></p>
    <p class="answer" data-testid="salt-answer"></p>
    <p class="altered" data-testid="salt-altered" hidden></p>
    <p class="changed" data-testid="salt-changed" hidden><span></span>
      <button type="button" data-testid="salt-original">Back to the original</button></p>
    <p class="over" data-testid="salt-overlay" hidden><span></span> <button type="button">Take it off</button></p>
    <ul class="legend" data-testid="salt-legend" hidden></ul>
    <details class="window" hidden><summary>The opened part of this large image</summary>
      <p>Click outside it to open another, or drag its border.</p>
      <div class="row">
        <label>First row of the window <input type="number" min="0" step="1" data-testid="salt-window-row"></label>
        <label>First column of the window <input type="number" min="0" step="1" data-testid="salt-window-column"></label>
      </div>
    </details>
    <p class="guessed" data-testid="salt-guessed" hidden></p>
    <p class="note">Marked is what the network calls salt at this threshold, not whether it is there.</p>
  </div>`;

/** @param {HTMLElement} host */
export function imageElements(host) {
  host.innerHTML = IMAGE_MARKUP;
  const element = (/** @type {string} */ selector) => find(host, selector, HTMLElement);
  const named = (/** @type {string} */ name) => element(`[data-testid=salt-${name}]`);
  const input = (/** @type {string} */ name) => find(host, `[data-testid=${name}]`, HTMLInputElement);
  const canvas = (/** @type {string} */ selector) => find(host, selector, HTMLCanvasElement);
  const unique = uniqueName();
  const radios = (/** @type {string} */ name) => {
    /** @type {NodeListOf<HTMLInputElement>} */
    const found = host.querySelectorAll(`.${name} input`);
    for (const one of found) one.name = `salt-${name}-${unique}`;
    found[0].checked = true;
    return [...found];
  };
  return {
    host,
    tools: element(".tools"), stage: element(".stage"), screen: element(".screen"), canvas: canvas("[data-testid=salt-viewer]"),
    divider: named("divider"), grip: named("grip"), hint: named("wheel"),
    overview: named("overview"), overviewCanvas: canvas(".overview canvas"),
    overviewOpened: element(".overview .opened"), overviewSight: element(".overview .sight"),
    chip: named("chip"), meaning: element(".meaning"),
    scale: element(".scale"), ramp: canvas(".scale canvas"), lowest: element(".lowest"),
    limit: element(".limit"), quantity: element(".quantity"),
    browse: find(host, ".browse input", HTMLInputElement), dropping: element(".dropping"),
    readout: named("readout"), scores: named("scores"), guessed: named("guessed"), cursor: named("cursor"),
    answer: named("answer"), altered: named("altered"), changed: named("changed"), original: named("original"), over: named("overlay"), legend: named("legend"),
    threshold: input("salt-threshold"), exact: input("salt-threshold-exact"), mark: element(".mark"), tta: input("tta"),
    looks: radios("looks"), opacity: input("salt-opacity"),
    truth: input("salt-truth"), truthLabel: element(".truth"), plain: input("salt-plain"),
    swipe: input("salt-swipe"), swipeLabel: element(".swipe"), wide: named("wide"),
    undo: find(host, "[data-testid=undo]", HTMLButtonElement), redo: find(host, "[data-testid=redo]", HTMLButtonElement),
    zoomButtons: [...host.querySelectorAll("button")].filter((button) => button.value),
    drags: radios("drags"), dragsBox: element(".drags"),
    windowPlace: element("details.window"), windowInputs: [input("salt-window-row"), input("salt-window-column")],
  };
}
