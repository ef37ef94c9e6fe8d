// All maps of the opened block: sorted, scaled, one of them enlarged; and one position through every level.

import { h } from "./dom.js";
import { colorScale, mapColors, mapScale, paintMap, paintPixels, paintValues } from "./color.js";
import { siteGrid, windowProbability } from "./network.js";

const MOST_TILES = 256; // on the page at once

// What a block is, in one line with what it does not show.
const BLOCKS = {
  encoder: "What this level's convolutions respond to, going down. It shows where a channel responds, not why.",
  bottleneck:
    "The deepest maps: what the network knows of the image as a whole. " +
    "Where exactly an edge runs is no longer in them.",
  skip: "The encoder's maps as they are handed across. It shows what is on offer, not what the decoder makes of it.",
  up: "What the level below knows, enlarged to this size; how smooth or blocky it looks is the enlargement's doing.",
  decoder: "Made of the skip and of what comes from below. Closer to the answer, but features still, no probabilities.",
  logits: "The answer, as the image shows it now: the network's own estimate of how probable salt is, right or wrong.",
};

const SORTS = {
  number: ["Number", "in the order of their numbers"],
  mean: ["Mean activation", "highest mean first"],
  sparsity: ["Sparsity", "the largest share of values at zero or below first"],
  agreement: [
    "Agreement with the mask",
    "from +1 to −1: the correlation with the mask at this threshold, averaged down to the map's grid",
  ],
  effect: [
    "Causal effect",
    "largest effect first: how much a pixel's probability changes when that map alone is 0, all wires connected",
  ],
};

const mapNumbersKept = new WeakMap();

// {mean, sparsity} of every map of a site; sparsity is the share of values at zero or below.
function mapNumbers(map) {
  if (!mapNumbersKept.has(map)) {
    const { values, low, high, channels, height, width } = map;
    const size = height * width;
    const mean = new Float32Array(channels);
    const sparsity = new Float32Array(channels);
    for (let channel = 0, j = 0; channel < channels; channel++) {
      const spread = high[channel] - low[channel];
      // The last of the 256 levels that is not above zero.
      const last = low[channel] > 0 ? -1 : spread > 0 ? Math.floor((-255 * low[channel]) / spread) : 255;
      let sum = 0;
      let quiet = 0;
      for (let i = 0; i < size; i++, j++) {
        sum += values[j];
        if (values[j] <= last) quiet++;
      }
      mean[channel] = low[channel] + (spread * sum) / size / 255;
      sparsity[channel] = quiet / size;
    }
    mapNumbersKept.set(map, { mean, sparsity });
  }
  return mapNumbersKept.get(map);
}

// The shown mask averaged down to a map's grid: the share of salt in every cell.
function maskCells(explorer, grid) {
  const { height, width } = explorer.window;
  const limit = Math.fround(explorer.state.threshold);
  const probability = windowProbability(explorer);
  const salt = new Float32Array(grid.height * grid.width);
  const pixels = new Float32Array(salt.length);
  for (let row = 0, i = 0; row < height; row++) {
    const start = Math.floor((row + grid.down) / grid.stride) * grid.width;
    for (let column = 0; column < width; column++, i++) {
      const cell = start + Math.floor((column + grid.right) / grid.stride);
      pixels[cell]++;
      if (probability[i] > limit) salt[cell]++;
    }
  }
  return salt.map((count, cell) => count / pixels[cell]);
}

// Pearson's correlation of every map with the cells; NaN where either is the same everywhere.
function mapAgreement({ values, channels, height, width }, cells) {
  const size = height * width;
  const average = cells.reduce((sum, value) => sum + value, 0) / size;
  const centred = cells.map((value) => value - average);
  const spread = Math.sqrt(centred.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from({ length: channels }, (_, channel) => {
    let sum = 0;
    let squares = 0;
    let product = 0;
    for (let i = 0, j = channel * size; i < size; i++, j++) {
      sum += values[j];
      squares += values[j] * values[j];
      product += values[j] * centred[i];
    }
    const own = Math.sqrt(squares - (sum * sum) / size);
    return own > 0 && spread > 1e-9 ? product / own / spread : NaN;
  });
}

// Channels by value, the largest first; equal ones by number, those without a value last.
function mapOrder(values) {
  const rank = (channel) => (Number.isNaN(values[channel]) ? -Infinity : values[channel]);
  return Array.from(values, (_, channel) => channel).sort((a, b) => rank(b) - rank(a) || a - b);
}

// A few digits, with a real minus.
function mapNumber(value, digits = 3) {
  if (value === undefined || Number.isNaN(value)) return "–";
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}

const mapPercent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

export function mapsView(host, explorer) {
  // --- The opened block ---

  const invitation = h("p", { class: "note" }, "Click a block of the network: all its maps of this image open here.");
  const title = h("h3", {});
  const what = h("p", { class: "note" });
  const level = h("div", { class: "row level", role: "group", "aria-label": "Blocks of this level" });
  const sort = h(
    "select", { "data-testid": "sort", onchange: () => explorer.set({ sort: sort.value }) },
    Object.entries(SORTS).map(([value, [name]]) => h("option", { value }, name)),
  );
  const shared = h("input", {
    type: "checkbox", "data-testid": "shared", onchange: () => explorer.set({ shared: shared.checked }),
  });
  const ramp = h("canvas", { width: 255, height: 1, "aria-hidden": "true" });
  const legend = h("span", { class: "legend" }, h("span", {}), ramp, h("span", {}));
  const controls = h(
    "div", { class: "row" },
    h("label", {}, "Sort by", sort), h("label", {}, shared, "One scale for all"), legend,
  );
  const status = h("p", { class: "note status", "data-testid": "maps-status" });
  const grid = h("div", { class: "tiles", role: "group", "data-testid": "tiles" });
  const range = h("span", {});
  const back = h("button", { onclick: () => turn(-MOST_TILES) }, "Before");
  const forth = h("button", { onclick: () => turn(MOST_TILES) }, "Next");
  const pages = h("div", { class: "row" }, back, range, forth);
  const close = h("button", { class: "quiet", onclick: () => explorer.set({ layer: null, channel: null }) }, "Close");

  // --- The chosen map ---

  const large = h("canvas", { role: "img" });
  const stage = h("div", { class: "enlarged" }, large, h("span", { class: "spot" }));
  const name = h("h4", {});
  const numbers = h("dl", {});
  const overBox = h("input", {
    type: "checkbox", "data-testid": "over-image", onchange: () => { over = overBox.checked; overlay(); },
  });
  const measure = h("button", { "data-testid": "measure", onclick: () => fetchEffects() }, "Measure its effect");
  const chosen = h(
    "div", { class: "chosen", "data-testid": "chosen-map", hidden: true }, stage,
    h("div", {}, name, numbers, h("div", { class: "row" }, h("label", {}, overBox, "Over the image"), measure)),
  );

  // --- What a decoder reads ---

  const pairTitle = h("h4", {});
  const pairSides = h("div", { class: "sides" });
  const pair = h("div", { class: "pair" }, pairTitle, pairSides);

  // --- The core sample ---

  const where = h("p", { class: "note", "data-testid": "core-where" });
  const rows = h("ol", {});
  const core = h(
    "div", { class: "core" }, h("h3", {}, "Core sample"),
    h("p", { class: "note" },
      "One position through every block: a bar's stripes are its maps, from 0 on; beside it the strongest. " +
      "Each block has its own scale, so colours do not compare between blocks."),
    where, rows,
  );

  const opened = h(
    "div", { class: "opened" }, h("div", { class: "head" }, title, close), what, level, controls, status, grid, pages,
    chosen, pair,
  );
  host.append(invitation, opened, core);

  let tiles = []; // {button, canvas, number, value}, reused from block to block
  let order = []; // all channels, sorted
  let start = 0; // of the page
  let roving = 0; // channel whose tile the Tab key reaches
  let drawnSite = null;
  let agreements = new Map(); // site -> Float32Array, at the settled threshold
  let effects = new Map(); // image, window, weights and site -> Float32Array, or null while it is computed
  let trouble = "";
  let settling = 0;
  let over = false; // the chosen map lies over the image
  let overlaid = null; // what of ours lies there
  let overlaidBy = [];
  let answer = {}; // the shown probability as a map
  let coreSites = "";
  let strips = [];

  // --- What is known of the opened block ---

  const siteOf = (wanted) => explorer.network.sites.find((site) => site.name === wanted);

  // The maps of a block; of the logits one map, the shown probability.  null while they are computed.
  function mapOf(site) {
    if (site !== "logits") return explorer.maps?.sites[site] ?? null;
    const { shown, window } = explorer;
    if (answer.shown !== shown || answer.window !== window) {
      const { height, width } = window;
      const values = Uint8Array.from(windowProbability(explorer), (value) => Math.round(255 * value));
      answer = { shown, window, map: { values, low: [0], high: [1], channels: 1, height, width } };
    }
    return answer.map;
  }

  function agreementOf(site) {
    if (!agreements.has(site)) {
      agreements.set(site, mapAgreement(mapOf(site), maskCells(explorer, siteGrid(explorer, siteOf(site)))));
    }
    return agreements.get(site);
  }

  const effectKey = (site) => {
    const { top, left } = explorer.window;
    return `${explorer.image.key} ${top} ${left} ${explorer.state.random} ${site}`;
  };

  async function fetchEffects() {
    const site = explorer.state.layer;
    const key = effectKey(site);
    if (effects.has(key)) return;
    effects.set(key, null);
    trouble = "";
    drawNumbers();
    try {
      const { effect } = await explorer.ask({ kind: "effects", site });
      effects.set(key, effect);
    } catch (error) {
      effects.delete(key);
      trouble = `The effects are not known: ${error.message}`;
    }
    const { layer } = explorer.state;
    if (layer && effectKey(layer) === key) {
      if (effects.has(key)) explorer.say(`The effects of ${site}'s maps are computed.`);
      drawSite();
    }
  }

  // What the maps are sorted by, one value each; null while it is computed, undefined for the order of numbers.
  function sortValues(site, map) {
    const { sort: by } = explorer.state;
    if (by === "mean" || by === "sparsity") return mapNumbers(map)[by];
    if (by === "agreement") return agreementOf(site);
    if (by === "effect" && site !== "logits") return effects.get(effectKey(site)) ?? null;
    return undefined;
  }

  const sortText = (value) => (explorer.state.sort === "sparsity" ? mapPercent(value) : mapNumber(value, 2));

  // --- The grid ---

  function turn(step) {
    if (!mapOf(explorer.state.layer)) return;
    start += step;
    roving = order[start];
    drawTiles(true);
    grid.scrollTop = 0;
  }

  function tile() {
    const canvas = h("canvas", { "aria-hidden": "true" });
    const number = h("b", {});
    const value = h("small", {});
    const button = h("button", { tabindex: -1 }, canvas, h("span", {}, number, " ", value));
    return { button, canvas, number, value };
  }

  function drawTiles(paint) {
    const { layer, channel, shared: together } = explorer.state;
    const map = mapOf(layer);
    const values = sortValues(layer, map);
    const page = order.slice(start, start + MOST_TILES);
    if (!page.includes(roving)) roving = page[0];
    const focused = grid.matches(":focus-within");
    while (tiles.length < page.length) tiles.push(tile());
    if (grid.children.length !== page.length) {
      grid.replaceChildren(...tiles.slice(0, page.length).map(({ button }) => button));
    }
    page.forEach((own, i) => {
      const { button, canvas, number, value } = tiles[i];
      const text = values ? sortText(values[own]) : "";
      button.dataset.channel = own;
      button.tabIndex = own === roving ? 0 : -1;
      button.setAttribute("aria-pressed", own === channel);
      button.setAttribute("aria-label", text ? `map ${own} ${text}` : `map ${own}`);
      if (!paint) return;
      number.textContent = own;
      value.textContent = text;
      paintMap(canvas, map, own, explorer.palette, together);
    });
    if (focused) focusTile(page.indexOf(roving));
    pages.hidden = order.length <= MOST_TILES;
    range.textContent = `${start + 1} to ${start + page.length} of ${order.length} maps`;
    back.disabled = start === 0;
    forth.disabled = start + MOST_TILES >= order.length;
  }

  function focusTile(index) {
    const next = tiles[index]?.button;
    if (!next || !next.isConnected) return;
    for (const { button } of tiles) button.tabIndex = -1;
    next.tabIndex = 0;
    roving = Number(next.dataset.channel);
    if (!next.matches(":focus")) next.focus();
  }

  const tileAt = (event) => event.target.closest("button");

  grid.addEventListener("click", (event) => {
    const button = tileAt(event);
    if (!button) return;
    roving = Number(button.dataset.channel);
    explorer.set({ channel: roving === explorer.state.channel ? null : roving });
  });
  grid.addEventListener("keydown", (event) => {
    const count = grid.children.length;
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const at = [...grid.children].indexOf(tileAt(event));
    const to = {
      ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns, ArrowDown: at + columns, Home: 0, End: count - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to >= 0 && to < count) focusTile(to);
  });
  for (const kind of ["pointerover", "focusin"]) {
    grid.addEventListener(kind, (event) => {
      const button = tileAt(event);
      if (button) describe(Number(button.dataset.channel));
    });
  }
  for (const kind of ["pointerleave", "focusout"]) grid.addEventListener(kind, () => describe(null));

  // The line above the grid: one map's numbers while it is pointed at, else how the grid is sorted.
  function describe(channel) {
    const { layer, sort: by } = explorer.state;
    const map = layer && mapOf(layer);
    if (!map) return;
    if (channel !== null && channel < map.channels) {
      const { mean, sparsity } = mapNumbers(map);
      const effect = effects.get(effectKey(layer));
      const parts = [
        `map ${channel}: mean ${mapNumber(mean[channel])}`, `${mapPercent(sparsity[channel])} at zero or below`,
        agreements.has(layer) && `agreement ${mapNumber(agreements.get(layer)[channel])}`,
        effect && `effect ${mapNumber(effect[channel])}`,
      ];
      status.textContent = parts.filter(Boolean).join(" · ");
    } else if (trouble) status.textContent = trouble;
    else if (by === "effect" && sortValues(layer, map) === null) {
      status.textContent = `The effect of each of ${map.channels} maps is computed…`;
    } else if (by === "agreement" && agreementOf(layer).every(Number.isNaN)) {
      status.textContent = "The mask is the same everywhere in this window: there is nothing to agree with.";
    } else status.textContent = `${map.channels} maps, ${SORTS[by][1]}`;
  }

  // --- Drawing ---

  function drawSite() {
    const { layer, sort: by, shared: together, channel } = explorer.state;
    const site = layer && siteOf(layer);
    invitation.hidden = Boolean(site);
    opened.hidden = !site;
    if (!site) { drawnSite = null; return; }
    const kind = layer.replace(/\d+$/, "");
    const number = layer.slice(kind.length);
    const cells = siteGrid(explorer, site);
    const covers = cells.stride === 1 ? "a pixel" : `${cells.stride} × ${cells.stride} pixels`;
    title.replaceChildren(layer, h("small", {},
      ` ${site.channels} ${site.channels === 1 ? "map" : "maps"} of ${cells.height} × ${cells.width}, a value for ${covers}`));
    what.textContent = BLOCKS[kind];
    drawLevel(kind, number);
    sort.value = by;
    shared.checked = together;
    controls.hidden = kind === "logits";

    const map = mapOf(layer);
    opened.setAttribute("aria-busy", !map);
    if (!map) {
      status.textContent = `${layer} is computed…`;
      if (drawnSite !== layer) grid.hidden = pages.hidden = chosen.hidden = pair.hidden = true;
      return;
    }
    if (by === "effect" && kind !== "logits" && !trouble) fetchEffects();
    const values = sortValues(layer, map);
    order = values ? mapOrder(values) : Array.from({ length: map.channels }, (_, own) => own);
    if (drawnSite !== layer) {
      roving = channel ?? order[0];
      start = 0;
      grid.scrollTop = 0;
    }
    if (channel !== null && drawnSite !== layer) start = MOST_TILES * Math.floor(order.indexOf(channel) / MOST_TILES);
    drawnSite = layer;
    grid.hidden = kind === "logits";
    grid.setAttribute("aria-label", `Maps of ${layer}; arrow keys move, Enter opens`);
    grid.style.setProperty("--tile", map.channels <= 32 ? "4.4rem" : map.channels <= 64 ? "3.6rem" : "2.9rem");
    grid.classList.toggle("pixelated", map.height < 80);
    drawLegend(map);
    drawTiles(true);
    describe(null);
    drawChosen();
    drawPair(kind, number);
  }

  function drawLevel(kind, number) {
    level.hidden = !number;
    if (!number) return;
    const sites = ["encoder", "skip", "up", "decoder"].map((part) => part + number);
    if (level.dataset.number !== number) {
      level.dataset.number = number;
      level.replaceChildren(...sites.map((own) =>
        h("button", { "data-testid": `open-${own}`, onclick: () => explorer.set({ layer: own, channel: null }) }, own)));
    }
    [...level.children].forEach((button, i) => {
      if (sites[i] === kind + number) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
  }

  function drawLegend(map) {
    const { signed, limit } = mapScale(map);
    const values = Float32Array.from({ length: 255 }, (_, i) => (signed ? (i - 127) / 127 : i / 254));
    paintValues(ramp, values, 1, 255, explorer.palette, 1, signed);
    const most = explorer.state.shared ? mapNumber(limit) : signed ? "largest, 0 is white" : "largest";
    legend.firstChild.textContent = signed ? (explorer.state.shared ? mapNumber(-limit) : "negative") : "0";
    legend.lastChild.textContent = explorer.state.shared && signed ? `${most}, 0 is white` : most;
  }

  function drawChosen() {
    const { layer, channel, shared: together } = explorer.state;
    const map = mapOf(layer);
    const own = layer === "logits" ? 0 : channel;
    chosen.hidden = own === null || !map || own >= map.channels;
    if (chosen.hidden) return;
    paintMap(large, map, own, explorer.palette, together);
    large.classList.toggle("pixelated", map.height < 200);
    const cells = siteGrid(explorer, siteOf(layer));
    const scale = Math.max(map.height, map.width);
    stage.style.setProperty("--share", map.width / scale);
    stage.style.aspectRatio = `${map.width} / ${map.height}`;
    for (const [property, value] of [
      ["--down", cells.down + 0.5], ["--right", cells.right + 0.5],
      ["--rows", map.height * cells.stride], ["--columns", map.width * cells.stride],
    ]) stage.style.setProperty(property, value);
    name.textContent = layer === "logits" ? "Probability of salt" : `${layer}, map ${channel}`;
    large.setAttribute("aria-label", `${name.textContent}, enlarged`);
    drawSpot();
    drawNumbers();
  }

  function drawNumbers() {
    const { layer, channel } = explorer.state;
    const map = layer && mapOf(layer);
    if (chosen.hidden || !map) return;
    const own = layer === "logits" ? 0 : channel;
    const { mean, sparsity } = mapNumbers(map);
    const known = effects.get(effectKey(layer));
    const answered = layer === "logits";
    const entries = [
      ["mean", mapNumber(mean[own])], ["lowest", mapNumber(map.low[own])], ["highest", mapNumber(map.high[own])],
      ["at zero or below", mapPercent(sparsity[own])], ["agreement with the mask", mapNumber(agreementOf(layer)[own])],
      ["effect when it is 0", known ? `${mapNumber(known[own])} of probability` : known === null ? "is computed…" : "not measured"],
    ];
    if (answered) {
      const part = windowProbability(explorer);
      entries.splice(0, entries.length,
        ["mean", mapNumber(part.reduce((sum, value) => sum + value, 0) / part.length)],
        ["lowest", mapNumber(part.reduce((a, b) => Math.min(a, b), 1))],
        ["highest", mapNumber(part.reduce((a, b) => Math.max(a, b), 0))]);
    }
    numbers.replaceChildren(...entries.flatMap(([key, value]) => [h("dt", {}, key), h("dd", {}, value)]));
    measure.hidden = answered || known !== undefined;
  }

  function drawPair(kind, number) {
    pair.hidden = kind !== "decoder";
    if (pair.hidden) return;
    const sources = [["from the skip", `skip${number}`], ["from below", `up${number}`]];
    const counts = sources.map(([, site]) => siteOf(site).channels);
    pairTitle.textContent =
      `What decoder${number} reads: ${counts[0] + counts[1]} maps, concatenated`;
    if (pair.dataset.number !== number) {
      pair.dataset.number = number;
      pairSides.replaceChildren(...sources.map(([from, site], i) => h(
        "button", { "data-testid": `pair-${site}`, onclick: () => explorer.set({ layer: site, channel: null }) },
        h("span", {}, `${counts[i]} ${from}: ${site}`), h("canvas", { "aria-hidden": "true" }),
      )));
    }
    sources.forEach(([, site], i) => sheet(pairSides.children[i].lastChild, mapOf(site)));
  }

  // All maps of a site on one canvas, row by row, with gaps.
  function sheet(canvas, map) {
    const { channels, height, width, values } = map;
    const gap = Math.max(1, Math.round(width / 24));
    let columns = 1;
    while (columns * columns < channels) columns *= 2;
    const across = columns * (width + gap) - gap;
    paintPixels(canvas, Math.ceil(channels / columns) * (height + gap) - gap, across, (pixels) => {
      for (let channel = 0, j = 0; channel < channels; channel++) {
        const colors = mapColors(map, channel, explorer.palette, explorer.state.shared);
        const corner = Math.floor(channel / columns) * (height + gap) * across + (channel % columns) * (width + gap);
        for (let row = 0; row < height; row++) {
          for (let column = 0; column < width; column++, j++) pixels[corner + row * across + column] = colors[values[j]];
        }
      }
    });
    canvas.classList.toggle("pixelated", across < 320);
  }

  // --- One position ---

  // The cell of the enlarged map under the mouse is also the position in the image.
  stage.addEventListener("pointermove", (event) => {
    const frame = stage.getBoundingClientRect();
    const { layer } = explorer.state;
    const map = mapOf(layer);
    if (!map) return;
    const { top, left, height, width } = explorer.window;
    const { stride, down, right } = siteGrid(explorer, siteOf(layer));
    const along = (share, cells, before, length) =>
      Math.max(0, Math.min(length - 1, Math.floor(share * cells * stride) - before));
    const row = top + along((event.clientY - frame.top) / frame.height, map.height, down, height);
    const column = left + along((event.clientX - frame.left) / frame.width, map.width, right, width);
    explorer.set({ hover: [row, column] }, { settled: false });
  });
  stage.addEventListener("pointerleave", () => explorer.set({ hover: null }, { settled: false }));

  // Row and column in the window, and whose they are; the middle where neither mouse nor pixel is in it.
  function position() {
    const { top, left, height, width } = explorer.window;
    const { hover, pixel } = explorer.state;
    for (const [place, whose] of [[hover, "under the mouse"], [pixel, "the asked pixel"]]) {
      if (!place) continue;
      const [row, column] = [place[0] - top, place[1] - left];
      if (row >= 0 && column >= 0 && row < height && column < width) return [row, column, whose];
      break;
    }
    return [height >> 1, width >> 1, "the middle"];
  }

  function drawSpot() {
    const [row, column, whose] = position();
    stage.classList.toggle("spotted", whose !== "the middle");
    stage.style.setProperty("--row", row);
    stage.style.setProperty("--column", column);
  }

  function buildCore() {
    const { sites } = explorer.network;
    const key = JSON.stringify(sites);
    if (key === coreSites) return;
    coreSites = key;
    strips = sites.map((site) => {
      const canvas = h("canvas", { class: site.channels <= 128 && "pixelated", "aria-hidden": "true" });
      const words = h("button", {
        "data-testid": `core-${site.name}`,
        onclick: () => explorer.set({ layer: site.name, channel: words.channel ?? null }),
      });
      return { site, canvas, words, row: h("li", {}, h("span", {}, site.name), canvas, words) };
    });
    rows.replaceChildren(...strips.map(({ row }) => row));
  }

  function drawCore() {
    const [row, column, whose] = position();
    const { top, left } = explorer.window;
    where.textContent = explorer.maps
      ? `row ${top + row}, column ${left + column}: ${whose}`
      : `row ${top + row}, column ${left + column} is computed…`;
    rows.setAttribute("aria-busy", !explorer.maps);
    if (!explorer.maps) return;
    for (const { site, canvas, words } of strips) {
      const { stride, down, right } = siteGrid(explorer, site);
      const map = mapOf(site.name);
      const { values, low, high, channels, height, width } = map;
      const size = height * width;
      const cell = Math.floor((row + down) / stride) * width + Math.floor((column + right) / stride);
      const core = new Float32Array(channels);
      let strongest = 0;
      for (let channel = 0, j = cell; channel < channels; channel++, j += size) {
        core[channel] = low[channel] + ((high[channel] - low[channel]) * values[j]) / 255;
        if (Math.abs(core[channel]) > Math.abs(core[strongest])) strongest = channel;
      }
      const { limit, signed } = mapScale(map);
      paintValues(canvas, core, 1, channels, explorer.palette, limit, signed);
      words.channel = site.name === "logits" || core[strongest] === 0 ? null : strongest;
      if (site.name === "logits") {
        const { probability } = explorer.shown;
        words.textContent = `probability ${probability[(top + row) * explorer.image.width + left + column].toFixed(2)}`;
      } else words.textContent = core[strongest] === 0 ? "all are 0" : `map ${strongest}: ${mapNumber(core[strongest])}`;
    }
  }

  // --- Over the image ---

  function overlay() {
    const { layer, channel, shared: together } = explorer.state;
    const map = layer && mapOf(layer);
    const own = layer === "logits" ? 0 : channel;
    if (over && map && own !== null && own < map.channels) {
      const by = [map, own, together, explorer.window];
      if (overlaid && by.every((value, i) => value === overlaidBy[i])) return;
      const { top, left, height, width } = explorer.window;
      const { stride, down, right } = siteGrid(explorer, siteOf(layer));
      const colors = mapColors(map, own, explorer.palette, together);
      const canvas = h("canvas");
      // A pixel of the image has the colour of its cell: stretched, the map would not lie where it looks.
      paintPixels(canvas, height, width, (pixels) => {
        const first = own * map.height * map.width;
        for (let row = 0, i = 0; row < height; row++) {
          const from = first + Math.floor((row + down) / stride) * map.width;
          for (let column = 0; column < width; column++, i++) {
            pixels[i] = colors[map.values[from + Math.floor((column + right) / stride)]];
          }
        }
      });
      overlaid = { owner: "maps", canvas, top, left, height, width, smooth: false, label: name.textContent };
      overlaidBy = by;
      explorer.set({ overlay: overlaid }, { settled: false });
    } else if (overlaid) {
      const ours = explorer.state.overlay === overlaid;
      overlaid = null;
      if (ours) explorer.set({ overlay: null }, { settled: false });
    }
    overBox.checked = over;
  }

  // A threshold that moves is waited for; agreement takes longer than a frame may.
  function settleThreshold() {
    clearTimeout(settling);
    settling = setTimeout(() => {
      agreements.clear();
      const { layer, sort: by } = explorer.state;
      if (!layer || !mapOf(layer)) return;
      if (by === "agreement") drawSite();
      else drawNumbers();
    }, 200);
  }

  return function update(changed) {
    const has = (...names) => names.some((one) => changed.has(one));
    const { layer, sort: by } = explorer.state;
    if (has("image")) { effects.clear(); buildCore(); }
    if (has("image", "layer", "sort", "random", "window")) trouble = "";
    if (has("maps", "shown", "window", "image")) agreements.clear();
    if (has("threshold") && !has("image")) settleThreshold();
    if (has("layer")) over = false;
    if (has("overlay") && explorer.state.overlay !== overlaid) { over = false; overlaid = null; overBox.checked = false; }
    if (has("layer", "maps", "image", "window", "random", "sort", "shared") ||
      (has("shown") && (layer === "logits" || by === "agreement"))) {
      drawSite();
      if (has("layer") && layer && !has("image")) title.scrollIntoView({ block: "nearest" });
    } else if (layer && has("channel", "shown") && mapOf(layer)) {
      if (has("channel")) drawTiles(false);
      drawChosen();
    }
    if (has("channel", "layer", "maps", "shared", "window", "shown")) overlay();
    if (has("hover", "pixel", "maps", "shown", "image", "window")) {
      drawCore();
      if (!chosen.hidden) drawSpot();
    }
  };
}
