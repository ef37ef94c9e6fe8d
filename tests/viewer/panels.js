// Panels of the viewer with an explorer that only keeps state; panels.py fills it by window.start.

import * as viewer from "/viewer.js";
const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const arrays = { u1: bytes, f4: (text) => new Float32Array(bytes(text).buffer) };
// A value with arrays in it, each written as {array: kind, text: Base64}.
window.decode = (text) => JSON.parse(text, (_, value) => value?.array ? arrays[value.array](value.text) : value);
const largest = (values) => values.reduce((one, other) => Math.max(one, other), 0);
Object.assign(window, { viewer });
window.start = (text) => {
  const { image, state, network, palette, window: part, panels, tables } = decode(text);
  const changed = new Set(), calls = window.calls = []; // of explorer.set
  const requests = window.requests = [], said = window.said = [], opened = window.opened = [];
  document.getElementById("root").innerHTML = `<div class="salt-viewer"><div class="columns"><div class="left">${
    panels.map((name) => `<section class="${name}"></section>`).join("")}</div></div></div><p style="height: 900px">`;
  const update = window.update = (...keys) => {
    for (const one of updates) one((...names) => names.some((name) => keys.includes(name)));
  };
  const touch = window.touch = (...keys) => {
    if (!changed.size) requestAnimationFrame(() => { const now = [...changed]; changed.clear(); update(...now); });
    for (const key of keys) changed.add(key);
  };
  const explorer = window.explorer = {
    state, weights: "salt-unet", image, original: image, input: "", unread: 0, hand: null, network, palette, window: part, maps: null, cuts: null, cutsError: null,
    uncertainty: null,
    set(changes, { settled = true } = {}) {
      calls.push({ ...changes, settled });
      explorer.state = { ...explorer.state, ...changes };
      if (changes.window) explorer.window = { ...part, top: changes.window[0], left: changes.window[1] };
      touch(...Object.keys(changes));
      if (settled) explorer.history.settle();
    },
    cutIndex: () => network.parts.reduce((sum, name, bit) => sum | (explorer.state.cuts.includes(name) << bit), 0),
    toggleCut: (part) => explorer.set({
      cuts: network.parts.filter((name) => explorer.state.cuts.includes(name) !== (name === part)) }),
    request: (request) => new Promise((resolve, reject) => requests.push({ request, resolve, reject })),
    say: (sentence) => said.push(sentence),
    history: { past: null, future: null, undo: () => false, redo: () => false, settle() {} },
    open: (tab) => opened.push(tab),
  };
  const show = window.show = (probability, altered = false) => {
    explorer.shown = { probability, altered, highest: largest(probability), tta: false };
    touch("shown");
  };
  window.setCuts = (given) => {
    explorer.cuts = given && { parts: network.parts, height: part.height, width: part.width,
      probability: (index) => tables[index] };
    touch("cuts");
  };
  show(image.probability);
  const updates = panels.map((name) =>
    viewer[`${name === "why" ? "pixel" : name}Panel`](document.querySelector(`.${name}`), explorer));
  touch("image", "maps", "cuts", "shown", "window", ...Object.keys(state));
};
document.body.dataset.ready = "yes";
