// The network drawn as a U.  Every block is a button with what it makes of this image; the wires behind are a drawing.

import { SCISSORS, networkWires } from "./wires.js";
import { clamp, contains, crop, setSpot, setSpotGrid, siteGrid, windowProbability } from "../lib/region.js";
import { checkbox, h, setCurrent, svg } from "../lib/dom.js";
import { mapScale, paintMap, paintPixels, paintValues } from "../lib/color.js";
import { networkPlan } from "./plan.js";
import { networkPlayback } from "./playback.js";
import { epochWords, plural } from "../lib/format.js";
import { mapsTrouble, wiresOf } from "../network_values.js";

/** @import { Explorer, Maps, Site, Update } from "../types.js" */
/** @import { Plan, Rectangle } from "./plan.js" */

const SHARE = 0.37; // of the window's height that the drawing takes, in CSS pixels at least and at most
const LEAST_HEIGHT = 345, MOST_HEIGHT = 520;

const isSkip = (/** @type {string} */ name) => name.startsWith("skip");

/** The mean over the maps of a site: (height * width) values. @param {Maps} map */
export function meanMap({ values, low, high, channels, height, width }) {
  const size = height * width;
  const mean = new Float32Array(size);
  for (let channel = 0, j = 0; channel < channels; channel++) {
    const start = low[channel] / channels;
    const step = (high[channel] - low[channel]) / 255 / channels;
    for (let i = 0; i < size; i++, j++) mean[i] += start + step * values[j];
  }
  return mean;
}

/** @param {HTMLElement} element @param {Rectangle} place */
function setPlace({ style }, { x, y, w, h: tall }) {
  Object.assign(style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${tall}px` });
}

/** @param {HTMLElement} host @param {Explorer} explorer @returns {Update} */
export function networkPanel(host, explorer) {
  const random = checkbox("random-weights", (checked) => explorer.set({ random: checked }), { role: "switch" });
  const badge = h("p", { class: "badge", "data-testid": "network-badge", hidden: true });
  const wires = svg("svg", { "aria-hidden": "true" });
  const board = h("div", { class: "board", role: "group", "aria-label": "The network as a U" });
  const purpose = h("p", { class: "purpose note" });
  const knife = h("button", {
    class: "knife", "data-testid": "cut-bottleneck", "aria-label": "Cut the bottleneck", title: "Cut the bottleneck",
    onclick: () => explorer.toggleCut("bottleneck"), ...pointing("cut-bottleneck"),
  }, svg("svg", { viewBox: "-10 -10 20 20", "aria-hidden": "true" }, svg("path", { d: SCISSORS })));
  const playback = networkPlayback(explorer, showPass);
  host.append(purpose, board, h("div", { class: "row below" }, playback.bar,
    h("label", { class: "switch" }, random, "Random weights",
      h("span", { class: "note" }, "the same network before it learned anything"))));

  let drawn = ""; // the sites that the buttons stand for
  /** @type {Record<string, ReturnType<typeof makeNode>>} */
  let nodes = {};
  /** @type {Plan | null} */
  let plan = null;
  let laid = ""; // width and window of the plan
  /** @type {string | null} */
  let pointed = null; // block under the mouse or with the focus
  const coarse = matchMedia("(pointer: coarse)");

  function build() {
    const { sites, parameters } = explorer.network;
    nodes = { image: makeNode({ name: "image", channels: 1, stride: 1 }, "div") };
    for (const site of sites) nodes[site.name] = makeNode(site, "button");
    board.replaceChildren(wires, badge, ...Object.values(nodes).map(({ button }) => button));
    nodes.bottleneck.button.after(knife);
    const levels = plural(sites.filter(({ name }) => isSkip(name)).length, "level");
    purpose.textContent = `${levels}, ${parameters.toLocaleString("en")} weights. Click a block for its maps, a skip to cut it.`;
    purpose.title = "Every block shows the mean of its maps of this image: what it responds to, and not why.";
    laid = "";
  }

  /** @param {Site} site @param {"button" | "div"} tag */
  function makeNode(site, tag) {
    const { name } = site;
    const canvas = h("canvas", { width: 1, height: 1, "aria-hidden": "true" });
    const thumb = h("span", { class: "thumb" }, canvas, h("span", { class: "spot" }));
    const kind = name === "image" ? "source" : name.replace(/\d+$/, "");
    const count = h("small", { class: "count" }), size = h("small", { class: "size" });
    const button = h(
      tag,
      tag === "button" ? { "data-testid": `site-${name}`, onclick: () => press(name), ...pointing(name) } : {},
      thumb, h("span", { class: "words" }, h("b", {}, name), " ", count, " ", size),
    );
    button.className = `node ${kind}`;
    return { site, button, thumb, canvas, count, size };
  }

  /** The wires of what is under the mouse or has the focus light up. @param {string} name */
  function pointing(name) {
    const point = (/** @type {string | null} */ to) => () => { pointed = to; drawWires(); };
    return { onpointerenter: point(name), onpointerleave: point(null), onfocus: point(name), onblur: point(null) };
  }

  /** @param {string} name */
  function press(name) {
    if (isSkip(name)) explorer.toggleCut(name);
    else {
      if (explorer.state.layer !== name) explorer.set({ layer: name, channel: null });
      explorer.open("maps");
    }
  }

  /** Buttons to their places; the text says what the maps of this window measure. */
  function place() {
    const width = board.clientWidth || 480;
    const tall = clamp(SHARE * innerHeight, LEAST_HEIGHT, MOST_HEIGHT);
    const { height, width: across } = explorer.window;
    const em = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const key = `${width} ${tall} ${height} ${across} ${em} ${coarse.matches}`;
    if (key === laid) return;
    laid = key;
    plan = networkPlan(explorer.network.sites, width, tall, explorer.window, em, coarse.matches);
    board.style.setProperty("--width", `${width}px`);
    board.style.height = `${plan.height}px`;
    board.classList.toggle("tight", plan.tight);
    purpose.classList.toggle("above", plan.stacked);
    host.classList.toggle("docked", isDocked());
    for (const [name, { button, thumb, site, count, size }] of Object.entries(nodes)) {
      const own = plan.places[name], grid = siteGrid(explorer, site);
      setPlace(button, own);
      button.classList.toggle("mirrored", own.mirrored);
      thumb.style.width = `${own.thumb.w}px`;
      thumb.style.height = `${own.thumb.h}px`;
      setSpotGrid(thumb, grid);
      if (name === "image") count.textContent = "input";
      size.textContent = `${grid.height} × ${grid.width}`;
    }
    setPlace(knife, plan.knife);
    const { image, logits } = plan.places;
    badge.style.top = `${plan.stacked ? image.h / 2 : image.y + image.h}px`;
    const left = image.x + image.w, between = logits.x - left; // the room between the two
    badge.style.left = `${left + between / 2}px`;
    const beside = { left: `${board.offsetLeft + left}px`, width: `${between}px` }, nowhere = { left: "", width: "" };
    Object.assign(purpose.style, plan.stacked ? nowhere : beside);
    Object.assign(playback.status.style, isDocked() ? nowhere : beside);
    label();
    drawWires();
  }

  /** Whether the playback stands below the drawing, which is higher than what one sees of it: an image covers its top. */
  function isDocked() {
    const stage = host.closest(".salt-viewer")?.querySelector(".stage");
    return Boolean(plan?.stacked || (stage && getComputedStyle(stage).position === "sticky"));
  }

  /** What each button is called and whether it is open or cut. */
  function label() {
    const { layer, cuts } = explorer.state;
    for (const { name, channels } of explorer.network.sites) {
      const { button, size, count } = nodes[name];
      const off = isSkip(name) && cuts.includes(name);
      const shown = playback.current() === name ? playback.strongest() : null;
      count.textContent = off ? "cut" : shown === null ? plural(channels, "map") : `map ${shown}`;
      // A name has to begin with what one sees.
      const what = `${name} ${count.textContent} ${size.textContent}`;
      button.setAttribute("aria-label", `${what}: ${isSkip(name) ? "cut this wire" : "open"}`);
      if (isSkip(name)) {
        button.setAttribute("aria-pressed", String(off));
        button.title = off ? `${name} is cut; click to put it back` : `Click to cut ${name}`;
      }
      setCurrent(button, layer === name);
    }
    knife.setAttribute("aria-pressed", String(cuts.includes("bottleneck")));
    nodes.bottleneck.button.classList.toggle("off", cuts.includes("bottleneck"));
  }

  function drawWires() {
    if (!plan) return;
    const { cuts } = explorer.state;
    const lookOf = playback.current() ? playback.wireLook : pointedLook;
    wires.setAttribute("viewBox", `0 0 ${plan.width} ${plan.height}`);
    wires.replaceChildren(...networkWires(plan, explorer.network.sites, cuts, lookOf, pointed));
  }

  /** The wires of the opened block, and of what is under the mouse or has the focus, light up. @param {string} from @param {string} to */
  function pointedLook(from, to) {
    const names = [from, to, from === "bottleneck" && "cut-bottleneck"];
    return [explorer.state.layer, pointed].some((name) => name !== null && names.includes(name)) ? "lit" : "";
  }

  /** The block that the playback has come to, and what lies ahead of it. */
  function showPass() {
    const current = playback.current();
    board.classList.toggle("playing", current !== null);
    purpose.classList.toggle("away", current !== null && !isDocked());
    for (const [name, { button }] of Object.entries(nodes)) {
      button.classList.toggle("now", name === current);
      button.classList.toggle("ahead", playback.isAhead(name));
    }
    label();
    drawThumbnails(false);
    drawWires();
    if (current && playback.isInSight()) nodes[current].button.scrollIntoView({ block: "nearest" });
  }

  function drawImage() {
    const grey = crop(explorer.image.grey, explorer.image, explorer.window);
    paintPixels(nodes.image.canvas, explorer.window, (pixels) => {
      for (let i = 0; i < pixels.length; i++) pixels[i] = 0xff000000 | (grey[i] * 0x010101);
    });
  }

  /** While others are computed the old ones stay, but not those of another image. @param {boolean} fresh */
  function drawThumbnails(fresh) {
    for (const { name } of explorer.network.sites) {
      if (name === "logits") continue;
      const { button, canvas } = nodes[name];
      button.setAttribute("aria-busy", String(explorer.maps?.cuts !== wiresOf(explorer) && !mapsTrouble(explorer)));
      if (!explorer.maps) {
        if (fresh) canvas.width = canvas.height = 1;
        continue;
      }
      const map = explorer.maps.sites[name];
      canvas.classList.toggle("pixelated", map.width < (plan?.places[name].thumb.w ?? 0));
      const strongest = playback.current() === name ? playback.strongest() : null;
      if (strongest !== null) {
        paintMap(canvas, map, strongest, explorer.palette);
        continue;
      }
      const mean = meanMap(map);
      const limit = mean.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      paintValues(canvas, mean, map, explorer.palette, limit, mapScale(map).signed);
    }
  }

  /** The position under the mouse, or else the chosen one, on every thumbnail. */
  function drawSpots() {
    const { hover, pixel } = explorer.state, { window } = explorer;
    const place = hover ?? pixel ?? [-1, -1];
    setSpot(board, place[0] - window.top, place[1] - window.left, contains(window, place));
  }

  new ResizeObserver(() => { if (plan) place(); }).observe(board);
  function resize() {
    if (!board.isConnected) removeEventListener("resize", resize);
    else if (plan) place();
  }

  addEventListener("resize", resize);

  return function update(has) {
    const key = JSON.stringify(explorer.network.sites);
    if (key !== drawn) {
      drawn = key;
      build();
    }
    playback.update(has);
    if (has("image", "window")) place();
    if (has("image", "window", "input")) drawImage();
    if (has("layer", "cuts")) { label(); drawWires(); }
    if (has("random", "epoch", "image")) {
      const { state, network } = explorer, isFinished = !state.random && state.epoch === null;
      random.checked = state.random;
      badge.hidden = isFinished;
      badge.textContent = state.random ? "random weights" : epochWords(state.epoch, network.learned);
      board.classList.toggle("untrained", !isFinished);
    }
    if (has("maps", "image", "cuts", "fill")) drawThumbnails(has("image"));
    if (has("maps") && playback.current()) label(); // another map may be the strongest
    if (has("shown", "image", "window")) {
      paintValues(nodes.logits.canvas, windowProbability(explorer), explorer.window, explorer.palette, 1, false);
    }
    if (has("hover", "pixel", "window", "image")) drawSpots();
  };
}
