// The network drawn as a U: down the encoder on the left, up the decoder on the right, the skips across.
// Every block is a button with what it makes of this image; the wires behind are a drawing.

import { h, svg } from "./dom.js";
import { mapScale, paintPixels, paintValues } from "./color.js";

const SCISSORS = "M-6 -4.6 5.5 3M-6 4.6 5.5 -3M5.5 4.6m-2.4 0a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0 -4.8 0" +
  "M5.5 -4.6m-2.4 0a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0 -4.8 0";
const ARROWHEAD = "M1 0 -7 -4.6 -5 0 -7 4.6Z";

// Where the maps of a site lie in the window: the image is padded evenly to a multiple of the deepest stride, so the
// first cell begins `down` rows above the window and `right` columns left of it.
export function siteGrid(explorer, { stride }) {
  const deepest = Math.max(...explorer.network.sites.map((site) => site.stride));
  const along = (length) => {
    const before = Math.floor((Math.ceil(length / deepest) * deepest - length) / 2) % stride;
    return [before, Math.ceil((before + length) / stride)];
  };
  const [down, height] = along(explorer.window.height);
  const [right, width] = along(explorer.window.width);
  return { stride, down, right, height, width };
}

// The shown probability of the opened window, row by row.
export function windowProbability(explorer) {
  const { top, left, height, width } = explorer.window;
  const { probability } = explorer.shown;
  const whole = explorer.image.width;
  const values = new Float32Array(height * width);
  for (let row = 0; row < height; row++) {
    const start = (top + row) * whole + left;
    values.set(probability.subarray(start, start + width), row * width);
  }
  return values;
}

// The mean over the maps of a site: (height * width) values.
function meanMap({ values, low, high, channels, height, width }) {
  const size = height * width;
  const mean = new Float32Array(size);
  for (let channel = 0, j = 0; channel < channels; channel++) {
    const start = low[channel] / channels;
    const step = (high[channel] - low[channel]) / 255 / channels;
    for (let i = 0; i < size; i++, j++) mean[i] += start + step * values[j];
  }
  return mean;
}

// Where everything stands in a U that is `width` pixels wide: {places: {name: {x, y, w, h, thumb, cx}}, ...}, where cx
// is the middle of the thumbnail.  em is the size of the page's text, finger says that targets must fit one.
function networkPlan(sites, width, shape, em, finger) {
  const depth = sites.filter(({ name }) => name.startsWith("encoder")).length;
  const tight = width < 430;
  const pad = tight ? 4 : 6;
  const text = em * (tight ? 3.55 : 4.1);
  const largest = Math.max(38, Math.min(80, width / 8.6));
  const smallest = Math.max(34, 0.68 * largest);
  const small = tight ? 22 : 28; // thumbnails of skips and of what comes from below
  const inset = Math.min(tight ? 3 : 9, (tight ? 12 : 36) / depth);
  const gap = tight ? 12 : 13; // room for an arrow
  const lines = (count) => Math.max(finger ? 44 : 0, (count * (tight ? 0.8 : 0.9) + 0.35) * em);
  const fit = (side) => {
    const scale = side / Math.max(shape.height, shape.width);
    return { w: Math.max(8, Math.round(scale * shape.width)), h: Math.max(8, Math.round(scale * shape.height)) };
  };
  const sized = (side, words = text, count = 3) => {
    const thumb = fit(side);
    return { thumb, w: thumb.w + words + 2 * pad + 5, h: Math.max(thumb.h + 2 * pad, lines(count)) };
  };
  const places = {};
  const put = (name, size, cx, middle, mirrored = false) => {
    const edge = cx + (mirrored ? 1 : -1) * (size.thumb.w / 2 + pad);
    places[name] = { ...size, cx, x: mirrored ? edge - size.w : edge, y: middle - size.h / 2, mirrored };
  };
  const at = (level) => sized(largest * (smallest / largest) ** (level / depth));
  const column = (level) => pad + 1 + fit(largest).w / 2 + level * inset;
  const up = sized(small, tight ? text : 1.75 * text, tight ? 3 : 2);

  const first = sized(0.8 * largest);
  let y = first.h / 2 + 1;
  put("image", first, column(0), y);
  put("logits", first, width - column(0), y, true);
  y += first.h / 2 + 20 + at(0).h / 2;
  for (let level = 0; level < depth; level++) {
    put(`encoder${level + 1}`, at(level), column(level), y);
    put(`decoder${level + 1}`, at(level), width - column(level), y, true);
    const skip = sized(small);
    put(`skip${level + 1}`, skip, (width - skip.w + skip.thumb.w) / 2 + pad, y);
    y += at(level).h / 2 + gap + up.h / 2;
    put(`up${level + 1}`, up, width - column(level + 0.5), y, true);
    y += up.h / 2 + gap + at(level + 1).h / 2;
  }
  // The bottleneck moves up between the two arms as far as it touches neither the last skip nor what comes from it.
  const size = sized(smallest, (tight ? 1.15 : 1.2) * text);
  const [skip, last] = [places[`skip${depth}`], places[`up${depth}`]];
  const right = (width + size.w) / 2;
  const below = right > last.x - 6 ? last.y + last.h + 8 : last.y + last.h + 18 - size.h / 2;
  const middle = Math.max(skip.y + skip.h + 14, below) + size.h / 2;
  put("bottleneck", size, right - size.w + pad + size.thumb.w / 2, middle);
  const knife = finger ? 44 : 28;
  places["cut-bottleneck"] = { x: (right + last.cx - knife) / 2 - 2, y: middle - knife / 2, w: knife, h: knife };
  return { places, depth, tight, width, height: Math.ceil(middle + Math.max(size.h, knife) / 2 + 2) };
}

export function networkView(host, explorer) {
  const random = h("input", {
    type: "checkbox", role: "switch", "data-testid": "random-weights",
    onchange: () => explorer.set({ random: random.checked }),
  });
  const badge = h("p", { class: "badge", hidden: true }, "random weights");
  const wires = svg("svg", { "aria-hidden": "true" });
  const board = h("div", { class: "board", role: "group", "aria-label": "The network as a U" });
  const purpose = h("p", { class: "note" });
  host.append(
    h("h3", {}, "The network"), purpose, board,
    h("div", { class: "switch" }, h("label", {}, random, "Random weights"),
      h("span", { class: "note" }, "The same network before it learned anything; what differs is what training changed.")),
  );

  let drawn = ""; // the sites that the buttons stand for
  let nodes = {}; // name -> {button, thumb, canvas, lines}
  let plan = null;
  let laid = ""; // width and window of the plan
  let pointed = null; // block under the mouse or with the focus
  const coarse = matchMedia("(pointer: coarse)");

  const cut = (part) => {
    const { cuts } = explorer.state;
    explorer.set({ cuts: cuts.includes(part) ? cuts.filter((name) => name !== part) : [...cuts, part] });
  };
  const isSkip = (name) => name.startsWith("skip");

  function build() {
    nodes = {};
    const parts = [node({ name: "image", channels: 1, stride: 1 }, "div")];
    for (const site of explorer.network.sites) {
      parts.push(node(site, "button"));
      if (site.name === "bottleneck") parts.push(knife());
    }
    board.replaceChildren(wires, badge, ...parts);
    const { sites, parameters } = explorer.network;
    const depth = sites.filter(({ name }) => isSkip(name)).length;
    purpose.textContent =
      `${parameters.toLocaleString("en")} weights, ${depth} ${depth === 1 ? "level" : "levels"}: every block shows ` +
      "the mean of its maps of this image, what it responds to and not why. " +
      "Click a block to open its maps, a skip to cut it.";
    laid = "";
  }

  function node(site, tag) {
    const { name } = site;
    const canvas = h("canvas", { width: 1, height: 1, "aria-hidden": "true" });
    const thumb = h("span", { class: "thumb" }, canvas, h("span", { class: "spot" }));
    const kind = name === "image" ? "source" : name.replace(/\d+$/, "");
    const count = h("small", { class: "count" });
    const size = h("small", { class: "size" });
    const button = h(
      tag,
      tag === "button" ? { "data-testid": `site-${name}`, onclick: () => press(name), ...pointing(name) } : {},
      thumb, h("span", { class: "words" }, h("b", {}, name), " ", count, " ", size),
    );
    button.className = `node ${kind}`;
    nodes[name] = { site, button, thumb, canvas, count, size };
    return button;
  }

  function knife() {
    const button = h(
      "button", {
        class: "knife", "data-testid": "cut-bottleneck", "aria-label": "Cut the bottleneck", title: "Cut the bottleneck",
        onclick: () => cut("bottleneck"), ...pointing("cut-bottleneck"),
      },
      svg("svg", { viewBox: "-10 -10 20 20", "aria-hidden": "true" }, svg("path", { d: SCISSORS })),
    );
    nodes["cut-bottleneck"] = { button };
    return button;
  }

  // The wires of what is under the mouse or has the focus light up.
  const pointing = (name) => {
    const point = (to) => () => { pointed = to; drawWires(); };
    return { onpointerenter: point(name), onpointerleave: point(null), onfocus: point(name), onblur: point(null) };
  };

  function press(name) {
    if (isSkip(name)) cut(name);
    else if (explorer.state.layer !== name) explorer.set({ layer: name, channel: null });
  }

  // Buttons to their places; the text says what the maps of this window measure.
  function place() {
    const width = Math.min(680, board.clientWidth || 480);
    const { height, width: across } = explorer.window;
    const em = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const key = `${width} ${height} ${across} ${em} ${coarse.matches}`;
    if (key === laid) return;
    laid = key;
    plan = networkPlan(explorer.network.sites, width, explorer.window, em, coarse.matches);
    board.style.setProperty("--width", `${width}px`);
    board.style.height = `${plan.height}px`;
    board.classList.toggle("tight", plan.tight);
    for (const [name, place] of Object.entries(plan.places)) {
      const { button, thumb, site, count, size } = nodes[name];
      const { style } = button;
      Object.assign(style, { left: `${place.x}px`, top: `${place.y}px`, width: `${place.w}px`, height: `${place.h}px` });
      if (!site) continue;
      button.classList.toggle("mirrored", Boolean(place.mirrored));
      thumb.style.width = `${place.thumb.w}px`;
      thumb.style.height = `${place.thumb.h}px`;
      const grid = siteGrid(explorer, site);
      count.textContent = name === "image" ? "input" : `${site.channels} ${site.channels === 1 ? "map" : "maps"}`;
      size.textContent = `${grid.height} × ${grid.width}`;
      // So that a position in the window, in pixels, falls on the right part of every thumbnail.
      for (const [property, value] of [
        ["--down", grid.down + 0.5], ["--right", grid.right + 0.5],
        ["--rows", grid.height * grid.stride], ["--columns", grid.width * grid.stride],
      ]) thumb.style.setProperty(property, value);
    }
    badge.style.top = `${plan.places.image.h / 2}px`;
    label();
    drawWires();
  }

  // What each button is called and whether it is open or cut.
  function label() {
    const { layer, cuts } = explorer.state;
    for (const { name, channels } of explorer.network.sites) {
      const { button, size, count } = nodes[name];
      const maps = `${channels} ${channels === 1 ? "map" : "maps"}`;
      const off = isSkip(name) && cuts.includes(name);
      count.textContent = off ? "cut" : maps;
      // A name has to begin with what one sees.
      const what = `${name} ${count.textContent} ${size.textContent}`;
      button.setAttribute("aria-label", `${what}: ${isSkip(name) ? "cut this wire" : "open"}`);
      if (isSkip(name)) {
        button.setAttribute("aria-pressed", off);
        button.title = off ? `${name} is cut; click to put it back` : `Click to cut ${name}`;
      }
      if (layer === name) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    nodes["cut-bottleneck"].button.setAttribute("aria-pressed", cuts.includes("bottleneck"));
    nodes.bottleneck.button.classList.toggle("off", cuts.includes("bottleneck"));
  }

  function drawWires() {
    if (!plan) return;
    const { places, depth, height } = plan;
    const { cuts, layer } = explorer.state;
    const parts = [];
    const shown = new Set([layer, pointed]);
    const thickness = (name) => {
      const { channels } = nodes[name].site;
      return Math.min(6, 1.6 + 0.42 * Math.log2(channels)).toFixed(1);
    };
    // One wire with its arrowhead at (x, y); `turn` is where it points, in degrees from the right.
    const wire = (kind, d, from, ends, x, y, turn, off = false) => {
      const lit = shown.has(from) || shown.has(ends);
      parts.push(svg(
        "g", { class: `wire ${kind}${lit ? " lit" : ""}${off ? " off" : ""}` },
        svg("path", { d, "stroke-width": off ? 2 : thickness(from) }),
        svg("path", { class: "head", d: ARROWHEAD, transform: `translate(${x} ${y}) rotate(${turn})` }),
      ));
    };
    const bottom = ({ y, h: tall }) => y + tall + 1;
    const vertical = (kind, from, to) => {
      const [one, other] = [places[from], places[to]];
      const goesDown = other.y > one.y;
      const [y1, y2] = goesDown ? [bottom(one), other.y - 3] : [one.y - 1, bottom(other) + 2];
      const bend = (y1 + y2) / 2;
      wire(kind, `M${one.cx} ${y1}C${one.cx} ${bend} ${other.cx} ${bend} ${other.cx} ${y2 + (goesDown ? -4 : 4)}`,
        from, to, other.cx, y2, goesDown ? 90 : -90);
    };

    vertical("down", "image", "encoder1");
    for (let level = 1; level < depth; level++) {
      vertical("down", `encoder${level}`, `encoder${level + 1}`);
      vertical("up", `decoder${level + 1}`, `up${level}`);
    }
    for (let level = 1; level <= depth; level++) vertical("up", `up${level}`, `decoder${level}`);
    vertical("up", "decoder1", "logits");

    // Around the two corners at the bottom.
    const deepest = places[`encoder${depth}`];
    const { bottleneck } = places;
    const middle = bottleneck.y + bottleneck.h / 2;
    const round = Math.min(26, middle - bottom(deepest));
    wire("down", `M${deepest.cx} ${bottom(deepest)}V${middle - round}q0 ${round} ${round} ${round}H${bottleneck.x - 7}`,
      `encoder${depth}`, "bottleneck", bottleneck.x - 3, middle, 0);
    const up = places[`up${depth}`];
    const turn = Math.min(26, middle - bottom(up) - 6);
    wire("up", `M${bottleneck.x + bottleneck.w} ${middle}H${up.cx - turn}q${turn} 0 ${turn} ${-turn}V${bottom(up) + 6}`,
      "bottleneck", `up${depth}`, up.cx, bottom(up) + 2, -90, cuts.includes("bottleneck"));
    if (shown.has("cut-bottleneck")) parts.at(-1).classList.add("lit");

    for (let level = 1; level <= depth; level++) {
      const name = `skip${level}`;
      const [left, node, right] = [places[`encoder${level}`], places[name], places[`decoder${level}`]];
      const y = left.y + left.h / 2;
      const [from, to] = [left.x + left.w, node.x - 3];
      const off = cuts.includes(name);
      const cutAt = (from + to) / 2;
      const broken = `M${from} ${y}H${cutAt - 10}l4 -7M${cutAt + 6} ${y + 7}l4 -7H${to - 4}`;
      wire("skip", off ? broken : `M${from} ${y}H${to - 4}`, name, `encoder${level}`, to, y, 0, off);
      wire("skip", `M${node.x + node.w} ${y}H${right.x - 7}`, name, `decoder${level}`, right.x - 3, y, 0, off);
      if (off || pointed === name) {
        parts.push(svg(
          "g", { class: `scissors${off ? " off" : ""}`, transform: `translate(${cutAt} ${y})` },
          svg("circle", { r: 10.5 }), svg("path", { d: SCISSORS, transform: "scale(0.9)" }),
        ));
      }
    }
    wires.setAttribute("viewBox", `0 0 ${plan.width} ${height}`);
    wires.replaceChildren(...parts);
  }

  function drawImage() {
    const { top, left, height, width } = explorer.window;
    const { grey, width: whole } = explorer.image;
    paintPixels(nodes.image.canvas, height, width, (pixels) => {
      for (let row = 0, i = 0; row < height; row++) {
        for (let column = 0; column < width; column++, i++) {
          pixels[i] = 0xff000000 | (grey[(top + row) * whole + left + column] * 0x010101);
        }
      }
    });
  }

  function drawAnswer() {
    const { height, width } = explorer.window;
    paintValues(nodes.logits.canvas, windowProbability(explorer), height, width, explorer.palette, 1, false);
  }

  // While others are computed the old ones stay, but not those of another image.
  function drawThumbnails(fresh) {
    const busy = !explorer.maps;
    for (const { name } of explorer.network.sites) {
      if (name === "logits") continue;
      const { button, canvas } = nodes[name];
      if (busy) {
        button.setAttribute("aria-busy", "true");
        if (fresh) canvas.width = canvas.height = 1;
        continue;
      }
      button.removeAttribute("aria-busy");
      const map = explorer.maps.sites[name];
      const mean = meanMap(map);
      const limit = mean.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      canvas.classList.toggle("pixelated", map.width < plan.places[name].thumb.w);
      paintValues(canvas, mean, map.height, map.width, explorer.palette, limit, mapScale(map).signed);
    }
  }

  // The position under the mouse, or else the asked one, on every thumbnail.
  function drawSpots() {
    const [row, column] = explorer.state.hover ?? explorer.state.pixel ?? [-1, -1];
    const { top, left, height, width } = explorer.window;
    const inside = row >= top && column >= left && row < top + height && column < left + width;
    board.classList.toggle("spotted", inside);
    if (!inside) return;
    board.style.setProperty("--row", row - top);
    board.style.setProperty("--column", column - left);
  }

  new ResizeObserver(() => { if (plan) place(); }).observe(board);

  return function update(changed) {
    const has = (...names) => names.some((name) => changed.has(name));
    if (has("image")) {
      const key = JSON.stringify(explorer.network.sites);
      if (key !== drawn) {
        drawn = key;
        build();
        changed = new Set([...changed, "maps", "shown"]);
      }
    }
    if (has("image", "window")) { place(); drawImage(); }
    if (has("layer", "cuts")) { label(); drawWires(); }
    if (has("random")) {
      random.checked = explorer.state.random;
      badge.hidden = !explorer.state.random;
      board.classList.toggle("untrained", explorer.state.random);
    }
    if (has("maps", "image")) drawThumbnails(has("image"));
    if (has("shown", "image", "window")) drawAnswer();
    if (has("hover", "pixel", "window", "image")) drawSpots();
  };
}
