// The elements of the image panel.

import { find } from "../lib/dom.js";

/** @typedef {ReturnType<typeof imageElements>} ImageElements */

const radio = (/** @type {string} */ value, /** @type {string} */ word, rest = "") =>
  `<label ${rest}><input type="radio" value="${value}"><span>${word}</span></label>`;

const IMAGE_MARKUP = `
  <div class="stage">
    <canvas data-testid="salt-viewer" role="img" tabindex="0"></canvas>
    <div class="divider" data-testid="salt-divider" aria-hidden="true" hidden></div>
    <div class="grip" data-testid="salt-grip" aria-hidden="true" title="Move the window" hidden></div>
    <p class="hint" data-testid="salt-wheel" hidden></p>
  </div>
  <p class="found">
    <output data-testid="salt-readout" aria-live="off"></output>
    <output class="scores" data-testid="salt-scores" aria-live="off"></output>
  </p>
  <p class="guessed" data-testid="salt-guessed" hidden></p>
  <p class="cursor" data-testid="salt-cursor"></p>
  <p class="altered" data-testid="salt-altered" hidden></p>
  <p class="over" data-testid="salt-overlay" hidden><span></span> <button type="button">Take it off</button></p>
  <ul class="legend" data-testid="salt-legend" hidden></ul>
  <div class="threshold">
    <label>Threshold <span class="track">
      <input type="range" min="0" max="1" step="0.01" data-testid="salt-threshold"><span class="mark"></span></span></label>
    <input type="number" min="0" max="1" step="0.01" aria-label="Threshold, exact" data-testid="salt-threshold-exact">
  </div>
  <div class="row">
    <div role="radiogroup" aria-label="Show salt as" class="segments looks">
      ${radio("fill", "Fill")} ${radio("contour", "Contour")} ${radio("heat", "Heat map")}</div>
    <label class="opacity">Opacity <input type="range" min="0" max="1" step="0.05" data-testid="salt-opacity"></label>
    <span class="scale" hidden><span>0</span><canvas aria-hidden="true"></canvas><span>1</span>
      <span>probability of salt</span></span>
  </div>
  <div class="row">
    <label class="truth"><input type="checkbox" data-testid="salt-truth">Compare with the truth</label>
    <label><input type="checkbox" data-testid="salt-plain">Plain image on the left</label>
    <label class="swipe" hidden>Swipe <input type="range" min="0" max="1" step="0.01" data-testid="salt-swipe"></label>
  </div>
  <div class="row">
    <span class="zoom" role="group" aria-label="Zoom">
      <button type="button" value="in" aria-label="Zoom in">+</button>
      <button type="button" value="out" aria-label="Zoom out">−</button> <button type="button" value="whole">whole</button>
    </span>
    <div role="radiogroup" aria-label="Dragging on the image" class="segments drags">
      ${radio("select", "Select", 'title="Dragging marks a box"')}
      ${radio("move", "Move", 'title="Dragging moves the enlarged image"')}</div>
  </div>
  <div class="row window" hidden>
    <label>First row of the window <input type="number" min="0" step="1" data-testid="salt-window-row"></label>
    <label>First column of the window <input type="number" min="0" step="1" data-testid="salt-window-column"></label>
  </div>
  <p class="note">Marked is what the network calls salt at this threshold, not whether it is there.</p>`;

/** @param {HTMLElement} host */
export function imageElements(host) {
  host.innerHTML = IMAGE_MARKUP;
  const element = (/** @type {string} */ selector) => find(host, selector, HTMLElement);
  const named = (/** @type {string} */ name) => element(`[data-testid=salt-${name}]`);
  const input = (/** @type {string} */ name) => find(host, `[data-testid=salt-${name}]`, HTMLInputElement);
  const unique = Math.random().toString(36).slice(2); // a page may hold two viewers
  const radios = (/** @type {string} */ name) => {
    /** @type {NodeListOf<HTMLInputElement>} */
    const found = host.querySelectorAll(`.${name} input`);
    for (const one of found) one.name = `salt-${name}-${unique}`;
    found[0].checked = true;
    return [...found];
  };
  return {
    host,
    stage: element(".stage"), canvas: find(host, "[data-testid=salt-viewer]", HTMLCanvasElement),
    divider: named("divider"), grip: named("grip"),
    hint: named("wheel"),
    readout: named("readout"), scores: named("scores"), guessed: named("guessed"), cursor: named("cursor"),
    altered: named("altered"), over: named("overlay"), legend: named("legend"),
    threshold: input("threshold"), exact: input("threshold-exact"), mark: element(".mark"),
    looks: radios("looks"), opacity: input("opacity"),
    scale: element(".scale"), ramp: find(host, ".scale canvas", HTMLCanvasElement),
    truth: input("truth"), truthLabel: element(".truth"), plain: input("plain"),
    swipe: input("swipe"), swipeLabel: element(".swipe"),
    zoomButtons: [...host.querySelectorAll("button")].filter((button) => button.value),
    drags: radios("drags"),
    windowRow: element(".row.window"), windowInputs: [input("window-row"), input("window-column")],
  };
}
