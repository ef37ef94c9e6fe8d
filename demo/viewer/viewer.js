// The explorer of both front ends: an image and its salt, the network as a U, the wires to cut, a pixel's reasons.
//
// Everything that does not need the network happens here, without a message to the server.

import { PATIENCE, networkRequests } from "./requests.js";
import { START, fittingState, keptState, stateOfLink, writeLink } from "./state.js";
import { clamp, isWhole } from "./lib/region.js";
import { comparePanel } from "./compare/compare.js";
import { curvesPanel } from "./image/curves.js";
import { cutsPanel } from "./cuts/cuts.js";
import { fromBase64, unpack } from "./lib/pack.js";
import { h } from "./lib/dom.js";
import { imagePanel } from "./image/image.js";
import { keyboard } from "./keyboard.js";
import { mapsPanel } from "./maps/maps.js";
import { networkPanel } from "./network/network.js";
import { networkValues, shownNow, wiresOf } from "./network_values.js";
import { TABS, panelTabs } from "./tabs.js";
import { pixelPanel } from "./pixel/pixel.js";
import { sectionOf } from "./lib/statistics.js";
import { valuesPanel } from "./maps/core_sample.js";

/** @import { Callbacks, Explorer, Message, Update, ViewState } from "./types.js" */

const REST = 250; // ms after which a state counts as settled

/** @type {WeakMap<Element, ReturnType<typeof build>>} */
const explorers = new WeakMap();

/**
 * Builds the explorer in `root` the first time and brings it up to date after that.
 * @param {HTMLElement} root
 * @param {Uint8Array<ArrayBuffer> | string} packed a message of demo/explorer.py, as bytes or Base64
 * @param {Callbacks} callbacks
 */
export function view(root, packed, callbacks) {
  const explorer = explorers.get(root) ?? build(root);
  explorers.set(root, explorer);
  return explorer.receive(packed, callbacks);
}

/**
 * Streamlit's way in (a v2 component); Gradio calls view() itself.
 * @param {any} component
 */
export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  view(parentElement, data, {
    request: (request, drawn) => setTriggerValue("request", { ...request, drawn }),
    settled: (state, drawn) => setStateValue("view", { ...state, drawn }),
    confirms: true,
  });
  return () => explorers.get(parentElement)?.close();
}

/** @param {unknown} one @param {unknown} other */
const isSame = (one, other) =>
  one === other || (Array.isArray(one) && Array.isArray(other) && JSON.stringify(one) === JSON.stringify(other));

/** @param {HTMLElement} root */
function build(root) {
  /** @type {ViewState} */
  let state = { ...START, ...stateOfLink() };
  /** @type {Update[] | null} */
  let panels = null; // built with the first image
  /** @type {number | null} */
  let revision = null;
  /** @type {Message["link"]} */
  let link = {};
  let drawn = 0; // which drawing of the page the last message belongs to
  /** @type {Callbacks | null} */
  let callbacks = null;
  /** @type {Set<string>} */
  let changed = new Set();
  let frame = 0, settling = 0;
  let told = ""; // the state the server was sent
  let known = ""; // the state its last message confirms
  let unpacking = Promise.resolve(); // messages are unpacked one after the other
  let leaving = false;
  const home = location.pathname;
  /** @type {HTMLAnchorElement | null} */
  let held = null; // a link that is followed once the server knows the state

  const absent = /** @type {any} */ (null);
  /** @type {Explorer} */
  const explorer = {
    get state() { return state; },
    get weights() { return link.weights ?? ""; },
    image: absent, network: absent, palette: absent, window: absent, shown: absent, input: "",
    maps: null, cuts: null, cutsError: null, tta: null, uncertainty: null, other: null, otherError: null,
    set, say, cutIndex, open: openTab,
    toggleCut(part) {
      openTab("cut");
      set({ cuts: explorer.network.parts.filter((name) => state.cuts.includes(name) !== (name === part)) });
    },
    request: (request) => requests.request(request),
  };

  const section = (/** @type {string} */ name) => [name, h("section", { class: name })];
  const hosts = Object.fromEntries(["image", "curves", "network"].map(section));
  const panelHosts = Object.fromEntries(TABS.map(({ name }) => section(name)));
  const tabs = panelTabs(explorer, panelHosts);
  const spoken = h("p", { class: "spoken", role: "status" });
  const keys = keyboard(explorer);
  const box = h(
    "div", { class: "salt-viewer" },
    h("div", { class: "columns" },
      h("div", { class: "left" }, hosts.image, hosts.curves, keys.button),
      h("div", { class: "right" }, hosts.network, tabs.box)),
    spoken, keys.dialog,
  );
  root.append(box);

  placeBelowHeader();

  // A page that takes long to come leaves this one standing; a request from it would blank the new one.
  const isGone = () => leaving || !box.isConnected || location.pathname !== home;
  const requests = networkRequests(explorer, (request) => callbacks?.request(request, drawn), isGone, tell);
  const { fetchMaps, fetchCuts, fetchTta, fetchUncertainty, fetchOther } = networkValues(explorer, touch);

  // --- State ---

  /** @param {Partial<ViewState>} changes */
  function set(changes, { settled = true } = {}) {
    const given = /** @type {(keyof ViewState)[]} */ (Object.keys(changes));
    const names = given.filter((name) => !isSame(state[name], changes[name]));
    if (names.length) { state = { ...state, ...changes }; touch(...names); }
    if (settled) settleLater();
  }

  function settleLater() { clearTimeout(settling); settling = setTimeout(settle, REST); }

  /** @param {string[]} names */
  function touch(...names) { for (const name of names) changed.add(name); frame ||= requestAnimationFrame(flush); }

  function flush() {
    frame = 0;
    if (!explorer.image) return;
    const has = (/** @type {string[]} */ ...names) => names.some((name) => changed.has(name));
    if (has("window")) placeWindow();
    const isAnew = has("window", "random", "epoch", "edits", "image"); // another network, or another input
    if (isAnew) {
      explorer.maps = explorer.cuts = null;
      changed.add("maps").add("cuts");
    }
    if (has("fill")) {
      explorer.cuts = null;
      changed.add("cuts");
    }
    if (explorer.cuts === null && (isAnew || has("fill"))) {
      fetchMaps();
      fetchCuts();
    } else if (has("cuts") && explorer.maps?.cuts !== wiresOf(explorer)) fetchMaps();
    if (has("tta", "image")) fetchTta();
    if (isAnew || has("look")) fetchUncertainty();
    if (has("other", "image")) { fetchOther(); changed.add("otherWeights"); }
    if (isAnew || has("cuts", "tta", "tta-values")) {
      explorer.shown = shownNow(explorer);
      changed.add("shown");
    }
    const before = changed;
    changed = new Set();
    panels ??= [
      imagePanel(hosts.image, explorer), curvesPanel(hosts.curves, explorer), networkPanel(hosts.network, explorer),
      tabs.update, mapsPanel(panelHosts.maps, explorer), cutsPanel(panelHosts.cut, explorer),
      pixelPanel(panelHosts.why, explorer), valuesPanel(panelHosts.values, explorer),
      comparePanel(panelHosts.compare, explorer),
    ];
    for (const update of panels) update((...names) => names.some((name) => before.has(name)));
  }

  /**
   * Beside the image a panel is in sight; on a narrow page, or below a wide image, it is brought there.  But who asks a
   * wide image why goes on looking at it: the answer stands below it.
   * @param {string} tab
   */
  function openTab(tab) {
    set({ tab });
    const stage = hosts.image.querySelector(".stage");
    const isBeside = stage && tabs.box.getBoundingClientRect().left >= stage.getBoundingClientRect().right;
    const leavesSight = stage && getComputedStyle(stage).position !== "sticky"; // the image would, when the panel comes
    if (!isBeside && !(leavesSight && tab === "why")) requestAnimationFrame(() => tabs.box.scrollIntoView({ block: "start" }));
  }

  function cutIndex() {
    return explorer.network.parts.reduce((index, part, bit) => index | (Number(state.cuts.includes(part)) << bit), 0);
  }

  function placeWindow() {
    const { height, width } = explorer.image, side = explorer.network.window;
    const [top, left] = state.window ?? [0, 0];
    explorer.window = {
      top: clamp(top, 0, Math.max(0, height - side)), left: clamp(left, 0, Math.max(0, width - side)),
      height: Math.min(side, height), width: Math.min(side, width),
    };
  }

  function fitState() { set(fittingState(explorer), { settled: false }); placeWindow(); }

  // --- Messages from the server ---

  /** @param {Uint8Array<ArrayBuffer> | string} packed @param {Callbacks} given */
  function receive(packed, given) {
    callbacks = given;
    const bytes = typeof packed === "string" ? fromBase64(packed) : packed;
    unpacking = unpacking.then(() => unpack(bytes)).then(open);
    return unpacking;
  }

  /** @param {Message} message */
  function open(message) {
    const { image, network, palette, key, chosen, threshold } = message;
    ({ link, drawn } = message);
    if (image && network && palette && key !== explorer.image?.key) {
      explorer.image = { ...image, section: sectionOf(image.margin, image.probability.length), key, chosen };
      Object.assign(explorer, { network, palette });
      requests.forget();
      fitState();
      touch("image", ...Object.keys(START));
      settleLater();
    }
    // The same revision means that Python only repeats what it heard from here, perhaps late: the hand is right.
    if (revision !== message.revision) {
      revision = message.revision;
      set({ threshold, ...message.view }, { settled: false });
      if (explorer.network) fitState();
      touch("threshold");
    }
    known = keptState({ ...START, threshold, window: state.window, ...message.view });
    placeBelowHeader(); // it may have come after the viewer
    told ||= known; // what a link brought is news to the server
    if (known === told) held?.click();
    requests.take(message.response);
    if (key !== explorer.image?.key) explorer.request({ kind: "image" }).catch((error) => say(error.message));
    else showLink();
  }

  // --- The link, the server's copy, the live region ---

  function settle() {
    showLink();
    tell();
    const { cuts, layer } = state;
    const cut = cuts.length ? `; without ${cuts.join(", ")}` : "";
    const opened = layer ? `; ${layer} is open` : "";
    say(`${hosts.image.querySelector("[data-testid=salt-readout]")?.textContent ?? ""}${cut}${opened}`);
  }

  /** The server hears of the state when it has nothing else to do: Streamlit would stop its response half-way. */
  function tell({ atOnce = false } = {}) {
    const text = keptState(state);
    if ((requests.isWaiting() && !atOnce) || isGone() || text === told) return;
    told = text;
    callbacks?.settled(JSON.parse(text), drawn);
  }

  const showLink = () => writeLink(state, link, !isWhole(explorer.image, explorer.window));

  /** What stays in sight has to stay below a header that covers the top of the page, and has the room that is left. */
  function placeBelowHeader() {
    const header = document.querySelector("header");
    const isCovering = header && getComputedStyle(header).position !== "static";
    const bottom = isCovering ? Math.max(0, header.getBoundingClientRect().bottom) : 0;
    box.style.setProperty("--covered", `${bottom}px`);
    const scrolled = document.querySelector(".stMain")?.scrollTop ?? scrollY; // Streamlit's page scrolls in the window
    box.style.setProperty("--above", `${Math.max(0, box.getBoundingClientRect().top + scrolled)}px`);
  }

  /** @param {string} sentence */
  function say(sentence) { if (spoken.textContent !== sentence) spoken.textContent = sentence; }

  // --- The page around it ---

  /**
   * Streamlit cannot tell a request that overtakes a change of pages from one of the new page, and shows neither.  So all
   * is said before a link is followed, and nothing after it.  What still waits behind a response when the page changes,
   * Streamlit drops: the link waits for it.
   * @param {MouseEvent} event
   */
  function leave(event) {
    const target = /** @type {HTMLAnchorElement} */ (event.composedPath().find((element) => "href" in element && element.href));
    if (target?.origin !== location.origin || target.target === "_blank" || target.pathname === location.pathname) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // another tab
    tell({ atOnce: true });
    if (event.type === "pointerdown") return;
    if (callbacks?.confirms && known !== told && target !== held) {
      event.preventDefault();
      event.stopImmediatePropagation();
      held = target;
      setTimeout(() => held?.click(), PATIENCE); // where nothing is confirmed
      return;
    }
    held = null;
    leaving = true;
    setTimeout(() => { leaving = false; requests.send(); tell(); }, PATIENCE); // where nobody left
  }

  const events = { keydown: keys.press, pointerdown: leave, click: leave, resize: placeBelowHeader };

  /** @param {Event} event */
  function hear(event) {
    if (!box.isConnected) forgetEvents();
    else events[/** @type {keyof typeof events} */ (event.type)](/** @type {any} */ (event));
  }

  for (const name of Object.keys(events)) addEventListener(name, hear, true);

  function forgetEvents() { for (const name of Object.keys(events)) removeEventListener(name, hear, true); }

  function close() {
    forgetEvents();
    clearTimeout(settling);
    requests.close();
    explorers.delete(root);
    box.remove();
  }

  return { receive, close };
}
