// The explorer of both front ends: an image and its salt, the network as a U, the wires to cut, a pixel's reasons.
//
// Everything that does not need the network happens here, without a message to the server.

import { PATIENCE, networkRequests } from "./requests.js";
import { timePanel } from "./time/time.js";
import { START, fittingState, isSame, keptState, stateOfLink, wholeChanges, writeLink } from "./state.js";
import { clamp, isWhole } from "./lib/region.js";
import { comparePanel } from "./compare/compare.js";
import { curvesPanel } from "./image/curves.js";
import { changedInput, isSameGrey } from "./touch/changed.js";
import { cutsPanel } from "./cuts/cuts.js";
import { fromBase64, unpack } from "./lib/pack.js";
import { h } from "./lib/dom.js";
import { imagePanel } from "./image/image.js";
import { keyboard } from "./keyboard.js";
import { lessonPanel } from "./lesson/lesson.js";
import { mapsPanel } from "./maps/maps.js";
import { networkPanel } from "./network/network.js";
import { networkValues, shownNow, wiresOf } from "./network_values.js";
import { TABS, panelTabs } from "./tabs.js";
import { parseEdits } from "./touch/edits.js";
import { pixelPanel } from "./pixel/pixel.js";
import { sectionOf } from "./lib/statistics.js";
import { takeDialog } from "./take/take.js";
import { touchPanel } from "./touch/touch.js";
import { viewHistory } from "./history.js";
import { valuesPanel } from "./maps/core_sample.js";

/** @import { Callbacks, Explorer, Message, Update, ViewState } from "./types.js" */
/** @typedef {Uint8Array<ArrayBuffer> | string | Message} Packed bytes, Base64, or unpacked already */

const REST = 250; // ms after which a state counts as settled
const ABSENCE = 10_000; // ms that a viewer may be out of the page

/** @type {WeakMap<Element, ReturnType<typeof build>>} */
const explorers = new WeakMap();
/** @type {ReturnType<typeof build> | null} */
let absent = null; // whose place was taken out of the page
let absence = 0; // timer of its end

/**
 * Builds the explorer in `root` the first time and brings it up to date after that.
 * @param {HTMLElement} root
 * @param {Packed} packed a message of demo/explorer.py
 * @param {Callbacks} callbacks
 */
export function view(root, packed, callbacks) {
  const explorer = explorers.get(root) ?? comeBack(root) ?? build(root);
  explorers.set(root, explorer);
  return explorer.receive(packed, callbacks);
}

/**
 * The place `root` has left the page.  Where a message with the viewer gets lost, Streamlit takes its place out of the page
 * and soon brings another: what a user did up to then is still there.  On another page the viewer is closed.
 * @param {HTMLElement} root
 */
export function leaveView(root) {
  const explorer = explorers.get(root);
  explorers.delete(root);
  if (!explorer || explorer.isLeft()) return explorer?.close();
  absent?.close();
  absent = explorer;
  clearTimeout(absence);
  absence = setTimeout(() => { absent = null; explorer.close(); }, ABSENCE);
}

/** @param {HTMLElement} root */
function comeBack(root) {
  const explorer = absent;
  absent = null;
  clearTimeout(absence);
  if (explorer?.isLeft()) return explorer.close();
  explorer?.stand(root);
  return explorer;
}

/** @param {Packed} packed @returns {Message | Promise<Message>} */
function messageOf(packed) {
  if (typeof packed === "string") return unpack(fromBase64(packed));
  return packed instanceof Uint8Array ? unpack(packed) : packed;
}

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
  const home = location.pathname, arrived = location.search;
  /** @type {HTMLAnchorElement | null} */
  let held = null; // a link that is followed once the server knows the state

  const unknown = /** @type {any} */ (null);
  /** @type {Explorer} */
  const explorer = {
    get state() { return state; },
    get weights() { return link.weights ?? ""; },
    get offline() { return Boolean(callbacks?.offline); },
    get sample() { return link.sample ?? null; },
    image: unknown, original: unknown, network: unknown, palette: unknown, window: unknown, shown: unknown,
    lesson: [], input: "", unread: 0, predicted: null, predictedError: null, isMoving: false, hand: null,
    maps: null, mapsError: null, cuts: null, cutsError: null, epochs: null, epochsError: null,
    tta: null, uncertainty: null,
    other: null, otherError: null,
    set, say, cutIndex, open: openTab, take: (what, name) => take.open(what, name),
    toggleCut(part) {
      openTab("cut");
      set({ cuts: explorer.network.parts.filter((name) => state.cuts.includes(name) !== (name === part)) });
    },
    request: (request) => requests.request(request),
    history: unknown,
  };
  explorer.history = viewHistory(explorer, () => touch("history"));

  const section = (/** @type {string} */ name) => [name, h("section", { class: name })];
  const hosts = Object.fromEntries(["image", "curves", "network"].map(section));
  const panelHosts = Object.fromEntries(TABS.map(({ name }) => section(name)));
  const tabs = panelTabs(explorer, panelHosts);
  const spoken = h("p", { class: "spoken", role: "status" });
  const keys = keyboard(explorer), take = takeDialog(explorer);
  const foot = h("div", { class: "row foot" }, keys.button);
  const box = h(
    "div", { class: "salt-viewer" },
    h("div", { class: "columns" },
      h("div", { class: "left" }, hosts.image, hosts.curves, foot),
      h("div", { class: "right" }, hosts.network, tabs.box)),
    spoken, keys.dialog, take.dialog,
  );
  stand(root);

  // A page that takes long to come leaves this one standing; a request from it would blank the new one.
  const isLeft = () => location.pathname !== home;
  const isGone = () => leaving || !box.isConnected || isLeft();
  const requests = networkRequests(explorer, (request) => callbacks?.request(request, drawn), isGone, tell);
  const { fetchPredicted, fetchMaps, fetchCuts, fetchEpochs, fetchTta, fetchUncertainty, fetchOther } =
    networkValues(explorer, touch);
  const applyEdits = changedInput();

  // --- State ---

  /** @param {Partial<ViewState>} changes */
  function set(changes, { settled = true } = {}) {
    const names = put(changes);
    // The mask alone follows a hand that changes the input or the epoch: maps and cuts would keep the network from it.
    if (names.includes("edits")) explorer.unread = 0;
    if (names.includes("edits") || names.includes("epoch")) { explorer.isMoving = true; clearTimeout(settling); }
    if (settled) { settleLater(); explorer.history.settle(); }
  }

  /** @param {Partial<ViewState>} changes */
  function put(changes) {
    const whole = wholeChanges(changes), given = /** @type {(keyof ViewState)[]} */ (Object.keys(whole));
    const names = given.filter((name) => !isSame(state[name], whole[name]));
    if (names.length) { state = { ...state, ...whole }; touch(...names); }
    return names;
  }

  function settleLater() { clearTimeout(settling); settling = setTimeout(settle, REST); }

  /** @param {string[]} names */
  function touch(...names) { for (const name of names) changed.add(name); frame ||= requestAnimationFrame(flush); }

  function flush() {
    frame = 0;
    if (!explorer.image) return;
    const has = (/** @type {string[]} */ ...names) => names.some((name) => changed.has(name));
    if (has("window")) placeWindow();
    if (has("window", "edits", "image")) {
      Object.assign(explorer, applyEdits(explorer.original, state.edits, explorer.window));
      explorer.epochs = null;
      changed.add("input").add("epochs");
    }
    const isAnew = has("window", "random", "epoch", "edits", "image"); // another network, or another input
    if (isAnew) {
      explorer.maps = explorer.cuts = explorer.uncertainty = null;
      changed.add("maps").add("cuts").add("uncertainty");
      requests.forgetChanged();
      fetchPredicted();
    }
    const isResting = has("rest") || (isAnew && !explorer.isMoving);
    if (has("fill")) {
      explorer.cuts = null;
      changed.add("cuts");
    }
    if (explorer.cuts === null && (isResting || has("fill"))) {
      fetchMaps();
      fetchCuts();
    } else if (has("cuts") && !explorer.isMoving && explorer.maps?.cuts !== wiresOf(explorer)) fetchMaps();
    const wantsEpochs = explorer.network.epochs.length > 0 && (state.tab === "time" || state.epoch !== null);
    if (wantsEpochs && !explorer.epochs && (isResting || has("tab", "epoch"))) fetchEpochs();
    if (has("tta", "image")) fetchTta();
    if (isResting || has("look")) fetchUncertainty();
    if (has("other", "image")) { fetchOther(); changed.add("otherWeights"); }
    if (isAnew || has("predicted", "cuts", "epochs", "tta", "tta-values")) {
      explorer.shown = shownNow(explorer);
      changed.add("shown");
    }
    const before = changed;
    changed = new Set();
    panels ??= [
      imagePanel(hosts.image, explorer), curvesPanel(hosts.curves, explorer), networkPanel(hosts.network, explorer),
      tabs.update, mapsPanel(panelHosts.maps, explorer), cutsPanel(panelHosts.cut, explorer),
      pixelPanel(panelHosts.why, explorer), valuesPanel(panelHosts.values, explorer),
      comparePanel(panelHosts.compare, explorer), touchPanel(panelHosts.touch, explorer),
      timePanel(panelHosts.time, explorer), ...(explorer.offline ? [] : [addLesson()]),
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

  function addLesson() {
    const lesson = lessonPanel(explorer, box, arrived);
    box.prepend(lesson.box);
    foot.append(lesson.button);
    return lesson.update;
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

  function fitState() {
    explorer.unread = parseEdits(state.edits, explorer.original).unread;
    put(fittingState(explorer));
    placeWindow();
  }

  // --- Messages from the server ---

  /** @param {Packed} packed @param {Callbacks} given */
  function receive(packed, given) {
    callbacks = given;
    unpacking = unpacking.then(() => messageOf(packed)).then(open);
    return unpacking;
  }

  /** @param {Message} message */
  function open(message) {
    const { image, network, palette, key, chosen, threshold } = message;
    ({ link, drawn } = message);
    const isRevised = revision !== message.revision;
    if (image && network && palette && key !== explorer.image?.key) {
      const before = explorer.original;
      const original = { ...image, section: sectionOf(image.margin, image.probability.length), key, chosen };
      Object.assign(explorer, { image: original, original, network, palette, lesson: message.lesson ?? [] });
      requests.forget();
      if (before && !isSameGrey(before, original)) put({ edits: "" }); // they were made for that image
      if (!isRevised) fitState();
      touch("image", ...Object.keys(START));
      settleLater();
      explorer.history.forget();
    }
    // The same revision means that Python only repeats what it heard from here, perhaps late: the hand is right.
    if (isRevised) {
      revision = message.revision;
      put({ threshold, ...message.view });
      if (explorer.network) fitState();
      touch("threshold");
      explorer.history.forget();
    }
    known = keptState({ ...START, threshold, window: state.window, ...message.view });
    placeBelowHeader(); // it may have come after the viewer
    told ||= known; // what a link brought is news to the server
    if (known === told) held?.click();
    requests.take(message.response, message.heard);
    if (key !== explorer.image?.key) explorer.request({ kind: "image" }).catch((error) => say(error.message));
    else showLink();
  }

  // --- The link, the server's copy, the live region ---

  function settle() {
    if (explorer.isMoving) { explorer.isMoving = false; touch("rest"); }
    showLink();
    tell();
    const { cuts, layer, undone } = state;
    const cut = cuts.length ? `; without ${cuts.join(", ")}` : "";
    const opened = layer ? `; ${layer} is open` : "";
    say(`${undone} ${hosts.image.querySelector("[data-testid=salt-readout]")?.textContent ?? ""}${cut}${opened}`);
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

  /** @param {KeyboardEvent} event */
  function pressKey(event) { explorer.history.hold(event.repeat); keys.press(event); }

  /** @param {PointerEvent} event */
  function touchDown(event) { explorer.history.hold(false); leave(event); }

  const events = { keydown: pressKey, pointerdown: touchDown, click: leave, resize: placeBelowHeader };

  /** @param {Event} event */
  function hear(event) {
    if (box.isConnected) events[/** @type {keyof typeof events} */ (event.type)](/** @type {any} */ (event));
  }

  for (const name of Object.keys(events)) addEventListener(name, hear, true);

  /** @param {HTMLElement} place */
  function stand(place) {
    for (const dialog of box.querySelectorAll("dialog")) dialog.close(); // out of the page one is no dialog any more
    place.append(box);
    placeBelowHeader();
  }

  function close() {
    for (const name of Object.keys(events)) removeEventListener(name, hear, true);
    clearTimeout(settling);
    requests.close();
    box.remove();
  }

  return { receive, stand, isLeft, close };
}
