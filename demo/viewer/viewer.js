// The explorer of both front ends: an image and its salt, the network as a U, the wires to cut, a pixel's reasons.
//
// view(root, packed, callbacks) builds it in `root` the first time and brings it up to date after that.  `packed` is
// what demo/explorer.py:message makes.  Everything that does not need the network happens here, without a word to the
// server.  callbacks.ask(request) is called when the network is needed, and the answer comes with a later view();
// callbacks.settled(state) when the visitor has let go of something.

import { h } from "./dom.js";
import { fromBase64, unpack } from "./pack.js";
import { sectionOf } from "./scores.js";
import { imageView } from "./image.js";
import { curvesView } from "./curves.js";
import { networkView } from "./network.js";
import { mapsView } from "./maps.js";
import { cutsView } from "./cuts.js";
import { whyView } from "./why.js";

const explorers = new WeakMap();

export function view(root, packed, callbacks) {
  if (!explorers.has(root)) explorers.set(root, build(root));
  return explorers.get(root).receive(packed, callbacks);
}

// Streamlit's way in (a v2 component); Gradio calls view() itself.
export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  view(parentElement, data, {
    ask: (request) => setTriggerValue("ask", request),
    settled: (state) => setStateValue("view", state),
  });
  return () => explorers.get(parentElement)?.close();
}

const KEYS = [
  ["← ↑ → ↓", "move the pixel (on the image)"],
  ["[ and ]", "lower and raise the threshold"],
  ["O", "opacity"],
  ["C", "contour or fill"],
  ["H", "heat map or fill"],
  ["G", "compare with the ground truth"],
  ["S", "swipe against the plain image"],
  ["1 to 6", "cut a skip, or put it back"],
  ["?", "this list"],
];

const PATIENCE = 3000; // ms after which a question is asked again, twice as long every time
const LOST = 700; // ms after a message that should have brought the answer and did not
const TRIES = 5;
const REMEMBERED = 24; // answers kept per image

const START = {
  threshold: 0.5, look: "fill", opacity: 0.45, truth: false, swipe: null,
  hover: null, pixel: null, box: null,
  layer: null, channel: null, sort: "number", shared: false,
  cuts: [], fill: "zero", random: false, window: null,
  overlay: null, frames: [],
};

function build(root) {
  const names = ["image", "curves", "network", "maps", "cuts", "why"];
  const hosts = Object.fromEntries(names.map((name) => [name, h("section", { class: name })]));
  const spoken = h("p", { class: "spoken", role: "status" });
  const keys = keyList();
  const box = h(
    "div", { class: "salt-viewer" },
    h("div", { class: "columns" },
      h("div", { class: "left" }, hosts.image, hosts.curves, keys.button),
      h("div", { class: "right" }, hosts.network, hosts.maps, hosts.cuts, hosts.why)),
    spoken, keys.dialog,
  );
  root.append(box);

  let panels = null; // built with the first image
  let state = { ...START, ...fromLink() };
  let revision = null;
  let link = {};
  let callbacks = {};
  let changed = new Set();
  let frame = 0;
  let settling = 0;
  let told = ""; // the state the server knows
  let order = Promise.resolve(); // messages are unpacked one after the other

  const explorer = {
    get state() { return state; },
    image: null, network: null, palette: null, window: null, maps: null, cuts: null, cutsError: null, shown: null,
    set, ask, say, cutIndex,
  };

  // --- State ---

  function set(changes, { settled = true } = {}) {
    const own = Object.entries(changes).filter(([name, value]) => !same(state[name], value));
    if (own.length) {
      state = { ...state, ...Object.fromEntries(own) };
      touch(...own.map(([name]) => name));
    }
    if (settled) {
      clearTimeout(settling);
      settling = setTimeout(settle, 250);
    }
  }

  function touch(...names) {
    for (const name of names) changed.add(name);
    frame ||= requestAnimationFrame(flush);
  }

  function flush() {
    frame = 0;
    if (!explorer.image) return;
    if (changed.has("window")) placeWindow();
    if (changed.has("window") || changed.has("random") || changed.has("image")) {
      explorer.maps = explorer.cuts = null;
      changed.add("maps").add("cuts");
    }
    if (changed.has("fill")) {
      explorer.cuts = null;
      changed.add("cuts");
    }
    if (explorer.cuts === null && ["window", "random", "image", "fill"].some((name) => changed.has(name))) fetchAll();
    else if (changed.has("cuts") && explorer.maps?.cuts !== wires()) fetchMaps();
    if (["cuts", "random", "window", "image"].some((name) => changed.has(name))) {
      explorer.shown = shownNow();
      changed.add("shown");
    }
    const names = changed;
    changed = new Set();
    panels ??= [
      imageView(hosts.image, explorer), curvesView(hosts.curves, explorer), networkView(hosts.network, explorer),
      mapsView(hosts.maps, explorer), cutsView(hosts.cuts, explorer), whyView(hosts.why, explorer),
    ];
    for (const update of panels) update(names);
  }

  function cutIndex() {
    return explorer.network.parts.reduce((index, part, bit) => index | (state.cuts.includes(part) << bit), 0);
  }

  const wires = () => `${state.fill} ${cutIndex()}`;

  function placeWindow() {
    const { height, width } = explorer.image;
    const side = explorer.network.window;
    const [top, left] = state.window;
    explorer.window = {
      top: Math.max(0, Math.min(top, height - side)), left: Math.max(0, Math.min(left, width - side)),
      height: Math.min(side, height), width: Math.min(side, width),
    };
  }

  // What the image shows: the network's answer, or in the opened window that of the network without some of its parts.
  function shownNow() {
    const { probability, width } = explorer.image;
    if (!explorer.cuts || !(state.random || cutIndex())) {
      return { probability, highest: highest(probability), altered: false };
    }
    let values = explorer.cuts.probability(cutIndex());
    const { top, left, height: rows, width: columns } = explorer.window;
    if (values.length < probability.length) {
      const whole = probability.slice();
      for (let row = 0; row < rows; row++) {
        whole.set(values.subarray(row * columns, (row + 1) * columns), (top + row) * width + left);
      }
      values = whole;
    }
    return { probability: values, highest: highest(values), altered: true };
  }

  // --- Asking the network ---

  let waiting = []; // the first is under way, unless callbacks has none yet
  let answers = new Map();
  let number = 0;
  let leaving = false;
  let home = location.pathname;
  // A page that takes long to come leaves this one standing; a question from it would blank the new one.
  const gone = () => leaving || !box.isConnected || location.pathname !== home;

  function ask(request) {
    const { top, left } = explorer.window ?? { top: 0, left: 0 };
    const full = { window: [top, left], random: state.random, ...request };
    const name = JSON.stringify(full);
    if (!answers.has(name)) {
      const promise = new Promise((resolve, reject) => {
        waiting.push({ request: { ...full, id: ++number, key: explorer.image?.key ?? null }, resolve, reject, tries: 0 });
        if (waiting.length === 1) send();
      });
      answers.set(name, promise);
      promise.catch(() => answers.delete(name));
      if (answers.size > REMEMBERED) answers.delete(answers.keys().next().value);
    }
    return answers.get(name);
  }

  function send() {
    const first = waiting[0];
    if (!first || gone()) return;
    clearTimeout(first.timer);
    if (first.tries++ === TRIES) return finish((question) => question.reject(new Error("The server does not answer.")));
    first.timer = setTimeout(send, PATIENCE * 2 ** (first.tries - 1));
    callbacks.ask(first.request);
  }

  function finish(how) {
    const first = waiting.shift();
    clearTimeout(first.timer);
    how(first);
    send();
    tell();
  }

  function take(answer) {
    const first = waiting[0];
    if (!first) return;
    if (answer?.id !== first.request.id) {
      // Something else the visitor did may have stopped the server in the middle of its answer.
      clearTimeout(first.timer);
      first.timer = setTimeout(send, LOST);
      return;
    }
    finish((question) => (answer.error ? question.reject(new Error(answer.error)) : question.resolve(answer)));
  }

  // Questions about an image that is gone; the one under way still gets its answer, which nobody reads.
  function forget() {
    answers = new Map();
    for (const question of waiting.splice(1)) question.reject(new Error("another image was opened"));
  }

  // What has been asked is still wanted when the answer comes.
  async function fetched(request, wanted) {
    const { image } = explorer;
    const before = wanted();
    const current = () => image === explorer.image && before === wanted();
    try {
      const answer = await ask(request);
      return current() ? answer : null;
    } catch (error) {
      if (!current()) return null;
      say(error.message);
      return { error: error.message };
    }
  }

  async function fetchMaps() {
    const request = { kind: "maps", cuts: state.cuts, fill: state.fill };
    const answer = await fetched(request, () => JSON.stringify([wires(), state.random, state.window]));
    if (!answer?.sites) return;
    for (const { name } of explorer.network.sites) {
      // What crosses uncut is the encoder's output itself, and travels once.
      answer.sites[name] ??= answer.sites[name.replace("skip", "encoder")];
    }
    explorer.maps = { ...answer, cuts: wires() };
    touch("maps");
  }

  async function fetchCuts() {
    const request = { kind: "cuts", fill: state.fill };
    const answer = await fetched(request, () => JSON.stringify([state.fill, state.random, state.window]));
    if (!answer) return;
    explorer.cutsError = answer.error ?? null;
    if (!answer.error) explorer.cuts = combinations(answer);
    touch("cuts");
  }

  const fetchAll = () => { fetchMaps(); fetchCuts(); };

  // --- Messages from the server ---

  function receive(packed, given) {
    callbacks = given;
    leaving = false;
    home = location.pathname;
    const bytes = typeof packed === "string" ? fromBase64(packed) : packed;
    order = order.then(() => unpack(bytes)).then(open);
    return order;
  }

  function open(message) {
    link = message.link;
    const fresh = message.image && message.key !== explorer.image?.key;
    if (fresh) {
      const { margin, probability } = message.image;
      const section = sectionOf(margin, probability.length);
      explorer.image = { ...message.image, section, key: message.key, chosen: message.chosen };
      explorer.network = message.network;
      explorer.palette = message.palette;
      forget();
      fitState();
      touch("image", ...Object.keys(START));
      // What a link brought is news to the server.
      told ||= viewText({ ...START, threshold: message.threshold, window: state.window });
      settling = setTimeout(settle, 250);
    }
    // The same revision means that Python only repeats what it heard from here, perhaps late: the hand is right.
    if (revision !== message.revision) {
      revision = message.revision;
      set({ threshold: message.threshold, ...message.view }, { settled: false });
      if (explorer.network) fitState();
      touch("threshold");
    }
    take(message.answer);
    if (message.key !== explorer.image?.key) ask({ kind: "image" }).catch((error) => say(error.message));
    else writeLink();
  }

  // What a link, a session or the image before says may not fit this image and this network.
  function fitState() {
    const { height, width } = explorer.image;
    const { sites, parts, samples, window: side } = explorer.network;
    const site = sites.find(({ name }) => name === state.layer);
    const inside = ([row, column]) => row >= 0 && row < height && column >= 0 && column < width;
    const boxed = state.box && inside(state.box) && inside([state.box[0] + state.box[2] - 1, state.box[1] + state.box[3] - 1]);
    const middle = [height, width].map((length) => Math.max(0, Math.floor((length - side) / 2)));
    const fits = state.window?.every((start, axis) => start >= 0 && start <= Math.max(0, [height, width][axis] - side));
    set({
      layer: site ? site.name : null,
      channel: site && state.channel < site.channels ? state.channel : null,
      cuts: parts.filter((part) => state.cuts.includes(part)),
      fill: ["zero", "mean", ...samples].includes(state.fill) ? state.fill : "zero",
      pixel: state.pixel && inside(state.pixel) ? state.pixel : null,
      box: boxed ? state.box : null,
      window: fits ? state.window : middle,
      truth: state.truth && Boolean(explorer.image.truth),
      hover: null, overlay: null, frames: [],
    }, { settled: false });
    placeWindow();
  }

  // --- The link, the server's copy, the live region ---

  function settle() {
    writeLink();
    tell();
    const { cuts, layer } = state;
    const cut = cuts.length ? `; without ${cuts.join(", ")}` : "";
    const opened = layer ? `; ${layer} is open` : "";
    say(`${hosts.image.querySelector("[data-testid=salt-readout]")?.textContent ?? ""}${cut}${opened}`);
  }

  // The server hears of the state when it has nothing else to do: Streamlit would stop its answer half-way.
  function tell({ atOnce = false } = {}) {
    const text = viewText(state);
    if ((waiting.length && !atOnce) || gone() || text === told) return;
    told = text;
    callbacks.settled(JSON.parse(text));
  }

  function writeLink() {
    const part = explorer.image.height > explorer.window.height || explorer.image.width > explorer.window.width;
    const values = {
      ...link,
      threshold: state.threshold.toFixed(2),
      layer: state.layer, channel: state.channel,
      cuts: state.cuts.join(","), fill: state.fill === "zero" ? null : state.fill,
      pixel: state.pixel?.join(","), box: state.box?.join(","),
      random: state.random ? 1 : null, window: part ? state.window.join(",") : null,
    };
    const address = new URL(location);
    for (const [name, value] of Object.entries(values)) {
      if (value == null || value === "") address.searchParams.delete(name);
      else address.searchParams.set(name, value);
    }
    if (address.href !== location.href) history.replaceState(history.state, "", address);
  }

  function say(sentence) {
    if (spoken.textContent !== sentence) spoken.textContent = sentence;
  }

  // --- Keys ---

  function press(event) {
    if (!box.isConnected) return forgetEvents();
    const target = event.composedPath()[0];
    const typing = target.isContentEditable || target.matches?.("input:not([type=range],[type=radio],[type=checkbox]), textarea, select");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || keys.dialog.open || !explorer.image) return;
    const done = target.dataset?.testid === "salt-viewer" ? movePixel(event) || shortcut(event.key) : shortcut(event.key);
    if (!done) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // Streamlit has its own idea of C
  }

  function movePixel({ key }) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
    if (!step) return false;
    const { height, width } = explorer.image;
    const [row, column] = state.pixel ?? [height >> 1, width >> 1];
    const moved = state.pixel ? [row + step[0], column + step[1]] : [row, column];
    if (moved[0] >= 0 && moved[0] < height && moved[1] >= 0 && moved[1] < width) set({ pixel: moved, box: null });
    return true;
  }

  function shortcut(key) {
    const { threshold, look, opacity, truth, swipe, cuts } = state;
    const toThreshold = (value) => set({ threshold: Math.max(0, Math.min(1, Math.round(100 * value) / 100)) });
    const part = `skip${key}`;
    if (key === "[") toThreshold(threshold - 0.01);
    else if (key === "]") toThreshold(threshold + 0.01);
    else if (key === "?") keys.dialog.showModal();
    else if (/^[oO]$/.test(key)) set({ opacity: opacity > 0.95 ? 0 : Math.min(1, Math.round(20 * opacity + 5) / 20) });
    else if (/^[cC]$/.test(key)) set({ look: look === "contour" ? "fill" : "contour" });
    else if (/^[hH]$/.test(key)) set({ look: look === "heat" ? "fill" : "heat" });
    else if (/^[gG]$/.test(key)) set({ truth: !truth && Boolean(explorer.image.truth) });
    else if (/^[sS]$/.test(key)) set({ swipe: swipe === null ? 0.5 : null });
    else if (explorer.network.parts.includes(part)) {
      set({ cuts: cuts.includes(part) ? cuts.filter((name) => name !== part) : [...cuts, part] });
    } else return false;
    return true;
  }

  // Streamlit cannot tell a question that overtakes a change of pages from one of the new page, and shows neither.
  // So all is said before a link is clicked, and nothing after it.
  function leave(event) {
    if (!box.isConnected) return forgetEvents();
    const target = event.composedPath().find((element) => element.href);
    if (target?.origin !== location.origin || target.target === "_blank" || target.pathname === location.pathname) return;
    if (event.type === "pointerdown") return tell({ atOnce: true });
    leaving = true;
    setTimeout(() => { leaving = false; send(); tell(); }, PATIENCE); // where nobody left
  }

  const events = { keydown: press, pointerdown: leave, click: leave };
  for (const [name, listener] of Object.entries(events)) addEventListener(name, listener, true);

  function forgetEvents() {
    for (const [name, listener] of Object.entries(events)) removeEventListener(name, listener, true);
  }

  function close() {
    forgetEvents();
    clearTimeout(settling);
    for (const { timer } of waiting) clearTimeout(timer);
    explorers.delete(root);
    box.remove();
  }

  return { receive, close };
}

// The answers of a network without some of its parts: twelve bits a probability, in two planes that deflate well.
function combinations({ parts, high, low, height, width }) {
  const size = height * width;
  const unpacked = new Map();
  const probability = (index) => {
    if (!unpacked.has(index)) {
      const values = new Float32Array(size);
      for (let i = 0, j = index * size; i < size; i++, j++) values[i] = (256 * high[j] + low[j]) / 4095;
      unpacked.set(index, values);
    }
    return unpacked.get(index);
  };
  return { parts, height, width, probability };
}

function highest(values) {
  let largest = 0;
  for (const value of values) if (value > largest) largest = value;
  return largest;
}

// What a link says, as far as it can be read; whether it fits is seen when the image is there.
function fromLink() {
  const values = new URLSearchParams(location.search);
  const numbers = (name, count) => {
    const found = (values.get(name) ?? "").split(",");
    return found.length === count && found.every((text) => /^\d{1,9}$/.test(text)) ? found.map(Number) : null;
  };
  return {
    layer: values.get("layer"),
    channel: numbers("channel", 1)?.[0] ?? null,
    cuts: (values.get("cuts") ?? "").split(",").filter(Boolean),
    fill: values.get("fill") ?? "zero",
    pixel: numbers("pixel", 2),
    box: numbers("box", 4),
    random: values.get("random") === "1",
    window: numbers("window", 2),
  };
}

function keyList() {
  const dialog = h(
    "dialog", { class: "keys", "aria-label": "Keys" },
    h("dl", {}, KEYS.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
    h("form", { method: "dialog" }, h("button", {}, "Close")),
  );
  const button = h("button", { class: "quiet", onclick: () => dialog.showModal() }, "Keys (?)");
  return { dialog, button };
}

// The part of the state that a link and a session keep.
function viewText({ threshold, layer, channel, cuts, fill, pixel, box, random, window }) {
  return JSON.stringify({ threshold, layer, channel, cuts, fill, pixel, box, random, window });
}

const same = (one, other) =>
  one === other || (Array.isArray(one) && Array.isArray(other) && JSON.stringify(one) === JSON.stringify(other));
