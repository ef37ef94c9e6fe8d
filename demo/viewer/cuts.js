// Cut the wire: what the network says without a skip or without its bottleneck, now and in every combination.
//
// All combinations come in one answer (explorer.cuts), so choosing among them, counting and painting happen here.

import { h } from "./dom.js";
import { colorScale, paintPixels, paintValues } from "./color.js";
import { confusion, iou, sectionOf, shareOf } from "./scores.js";

const CUT_FRAME = 8; // ms the thumbnails may take of a frame; when they take longer they wait for a pause
const CUT_PAUSE = 150; // ms
const CUT_TINT = 0.6; // how much of a thumbnail's salt is colour: more than in the image, because it is small

// --- Shared with why.js ------------------------------------------------------------------------------------

// Signed values as the overlay shows them: the nearer to zero, the more of what lies beneath shows through.
export function paintClear(canvas, values, height, width, palette, limit) {
  const color = colorScale(palette, limit, true);
  paintPixels(canvas, height, width, (pixels) => {
    for (let i = 0; i < pixels.length; i++) {
      const alpha = limit > 0 ? Math.round(255 * Math.min(1, (2 * Math.abs(values[i])) / limit)) : 0;
      pixels[i] = (color(values[i]) & 0xffffff) | (alpha << 24);
    }
  });
}

// A strip of a palette's colours, as wide as the style sheet makes it.
export function legendStrip(palette) {
  const count = palette.length / 3;
  const canvas = h("canvas", { class: "legend-strip", width: count, height: 1, "aria-hidden": "true" });
  const strip = new ImageData(count, 1);
  for (let i = 0; i < count; i++) strip.data.set([...palette.subarray(3 * i, 3 * i + 3), 255], 4 * i);
  canvas.getContext("2d").putImageData(strip, 0, 0);
  return canvas;
}

// One panel's map over the image: it steps aside while there is nothing to show, and gives way to another panel's.
export function overlayOf(explorer, owner) {
  let wanted = false;
  let aside = false;
  const mine = () => explorer.state.overlay?.owner === owner;
  return {
    wanted: () => wanted,
    lay(layer) {
      wanted = true;
      aside = false;
      explorer.set({ overlay: { owner, ...layer } }, { settled: false });
    },
    stepAside() {
      if (!wanted || !mine()) return;
      aside = true;
      explorer.set({ overlay: null }, { settled: false });
    },
    drop() {
      wanted = false;
      if (mine()) explorer.set({ overlay: null }, { settled: false });
    },
    // To be called with every update: somebody else's hand, or another panel's map, ends ours.
    follow() {
      if (explorer.state.overlay ? !mine() : !aside) wanted = false;
    },
  };
}

// The window's part of an array of the image.
export function windowOf(values, image, part) {
  if (part.height === image.height && part.width === image.width) return values;
  const cropped = new values.constructor(part.height * part.width);
  for (let row = 0; row < part.height; row++) {
    const start = (part.top + row) * image.width + part.left;
    cropped.set(values.subarray(start, start + part.width), row * part.width);
  }
  return cropped;
}

// Words for the window, where it is not the whole image.
export function windowWords(image, part) {
  if (part.height === image.height && part.width === image.width) return "";
  const rows = `rows ${part.top} to ${part.top + part.height - 1}`;
  return ` in the opened part (${rows}, columns ${part.left} to ${part.left + part.width - 1})`;
}

// --- The panel ---------------------------------------------------------------------------------------------

export function cutsView(host, explorer) {
  const difference = h("canvas", { class: "cut-difference", role: "img", "data-testid": "cut-difference" });
  const clear = document.createElement("canvas"); // the same difference, to be laid over the image
  const overlay = overlayOf(explorer, "cuts");
  const toggles = h("div", { class: "cut-buttons", role: "group", "aria-label": "Cut" });
  const fill = h("select", { "data-testid": "cut-fill", onchange: () => explorer.set({ fill: fill.value }) });
  const pending = h("p", { class: "note", "data-testid": "cut-pending" });
  const caption = h("caption");
  const rows = h("tbody");
  const result = h("table", { class: "cut-result", "data-testid": "cut-result" }, caption,
    h("thead", {},
      h("tr", {}, h("td"), ...["whole", "cut", "change"].map((name) => h("th", { scope: "col" }, name)))),
    rows);
  const words = h("p", { class: "note" });
  const over = h("input", {
    type: "checkbox", "data-testid": "cut-overlay", onchange: () => (over.checked ? lay() : overlay.drop()),
  });
  const legend = h("span", { class: "cut-legend" });
  const heading = h("h4", {});
  const grid = h("div", { class: "cut-grid", role: "group", "data-testid": "cut-grid" });

  host.append(
    h("h3", {}, "Cut the wire"),
    h("p", { class: "note" }, "What the network says without a skip or without its bottleneck. This shows what this "
      + "network relies on, not what one trained without skips would learn."),
    toggles,
    h("label", { class: "cut-field" }, h("span", {}, "In place of what is cut"), fill),
    pending,
    h("div", { class: "cut-now" },
      result,
      h("div", { class: "cut-map" }, difference, legend, words,
        h("label", {}, over, h("span", {}, "Lay the difference over the image")))),
    heading,
    grid,
  );

  let built = ""; // the network and the samples that buttons and cells were made for
  let skips = []; // [{name, bit}]
  let below = 0; // the bottleneck's bit in an index, 0 without one
  let cells = []; // one per combination of skips: {index, names, button, canvas, context, words, salt, score}
  let ground = null; // the window's grey and truth, decoded once
  let visible = false;
  let costs = [0, 0]; // ms the thumbnails took the last two times: one slow frame may be somebody else's
  let timer = 0;
  let dirty = false;

  // Thumbnails out of sight take nothing of a frame: they are painted when they come into sight or the hand rests.
  new IntersectionObserver((entries) => {
    visible = entries.at(-1).isIntersecting;
    if (visible && dirty) paint();
  }).observe(grid);

  const ready = () => {
    const { cuts, window: part } = explorer;
    return cuts && cuts.height === part.height && cuts.width === part.width ? cuts : null;
  };

  const table = (index) => explorer.cuts.probability(index);

  function build() {
    const { parts, samples } = explorer.network;
    skips = parts.map((name, bit) => ({ name, bit })).filter((part) => part.name !== "bottleneck");
    below = parts.includes("bottleneck") ? 1 << parts.indexOf("bottleneck") : 0;
    const putBack = h("button", {
      type: "button", class: "cut-none", "data-testid": "cut-none", onclick: () => explorer.set({ cuts: [] }),
    }, "put back");
    toggles.replaceChildren(...parts.map((name) => h("button", {
      type: "button", class: "cut-toggle", "data-testid": `toggle-${name}`, "data-part": name,
      onclick: () => toggle(name),
    }, name)), putBack);
    fill.replaceChildren(
      h("option", { value: "zero" }, "zero"),
      h("option", { value: "mean" }, "the mean of each channel"),
      h("optgroup", { label: "what another image has there" },
        ...samples.map((name) => h("option", { value: name }, name))),
    );
    legend.replaceChildren(
      h("span", {}, "−1 less salt"), legendStrip(explorer.palette.diverging), h("span", {}, "+1 more salt"),
    );
    cells = Array.from({ length: 1 << skips.length }, (_, number) => {
      const gone = skips.filter((_skip, position) => number & (1 << position));
      const index = gone.reduce((sum, skip) => sum | (1 << skip.bit), 0);
      const canvas = h("canvas", { "aria-hidden": "true" });
      const marks = skips.map((skip, position) => gone.includes(skip)
        ? h("span", { class: "cut-mark gone" }, "✕")
        : h("span", { class: "cut-mark" }, position + 1));
      const context = canvas.getContext("2d", { willReadFrequently: true }); // it stays in memory, where it is written
      const words = h("span", { class: "cut-words" }); // for those who do not see the marks
      const salt = h("span", { class: "cut-salt" });
      const score = h("span", { class: "cut-score" });
      const button = h("button", {
        type: "button", class: "cut-cell", "data-testid": `cut-cell-${number}`, onclick: () => go(index),
      }, canvas, h("span", { class: "cut-marks", "aria-hidden": "true" }, ...marks), words, salt, score);
      const names = gone.map((skip) => skip.name);
      return { index, names, button, canvas, context, words, salt, score };
    });
    grid.replaceChildren(...cells.map((cell) => cell.button));
    grid.style.setProperty("--columns", Math.min(4, cells.length));
  }

  const named = (index) => explorer.network.parts.filter((_, bit) => index & (1 << bit));
  const here = () => explorer.cutIndex();
  const go = (index) => explorer.set({ cuts: named(index | (here() & below)) });

  function toggle(name) {
    const { cuts } = explorer.state;
    const changed = cuts.includes(name) ? cuts.filter((part) => part !== name) : [...cuts, name];
    explorer.set({ cuts: explorer.network.parts.filter((part) => changed.includes(part)) });
  }

  // The image's window as the thumbnails need it: its two colours for every grey are looked up, not mixed anew.
  function decode() {
    const { image, window: part, palette } = explorer;
    if (ground?.image === image && ground.top === part.top && ground.left === part.left
      && ground.height === part.height && ground.width === part.width) return;
    const truth = image.truth && windowOf(image.truth, image, part).map((value) => (value ? 1 : 0));
    const bytes = new Uint8ClampedArray(2 * 256 * 4);
    for (let grey = 0; grey < 256; grey++) {
      bytes.set([grey, grey, grey, 255], 4 * grey);
      bytes.set([...palette.salt.map((value) => grey + CUT_TINT * (value - grey)), 255], 4 * (256 + grey));
    }
    const colors = new Uint32Array(bytes.buffer);
    ground = {
      image, ...part, truth,
      grey: windowOf(image.grey, image, part),
      salt: truth ? truth.reduce((sum, value) => sum + value, 0) : 0,
      section: sectionOf(image.margin && windowOf(image.margin, image, part), part.height * part.width),
      plain: colors.subarray(0, 256),
      tinted: colors.subarray(256),
      bitmap: new ImageData(part.width, part.height),
    };
    for (const { canvas } of cells) {
      canvas.width = part.width;
      canvas.height = part.height;
    }
  }

  // One pass colours and counts each cell; the rule is Python's: salt is what lies above, in float32.
  function paint() {
    clearTimeout(timer);
    dirty = false;
    const start = performance.now();
    const known = ready();
    const limit = Math.fround(explorer.state.threshold);
    const { grey, truth, plain, tinted, bitmap } = ground;
    const target = new Uint32Array(bitmap.data.buffer);
    const bottom = here() & below;
    for (const { index, context, salt, score } of cells) {
      let count = 0;
      let hits = 0;
      if (known) {
        const probability = table(index | bottom);
        for (let i = 0; i < target.length; i++) {
          if (probability[i] > limit) {
            count++;
            if (truth) hits += truth[i];
            target[i] = tinted[grey[i]];
          } else target[i] = plain[grey[i]];
        }
      } else for (let i = 0; i < target.length; i++) target[i] = plain[grey[i]];
      context.putImageData(bitmap, 0, 0);
      const share = known ? `salt ${(100 * shareOf(count, ground.section)).toFixed(1)} %` : "salt …";
      const value = known && truth ? `IoU ${iou({ tp: hits, fp: count - hits, fn: ground.salt - hits }).toFixed(2)}` : "";
      if (salt.textContent !== share) salt.textContent = share;
      if (score.textContent !== value) score.textContent = value;
    }
    costs = [costs[1], performance.now() - start];
  }

  function paintSoon() {
    dirty = true;
    clearTimeout(timer);
    if (visible && Math.min(...costs) <= CUT_FRAME) paint();
    else timer = setTimeout(paint, CUT_PAUSE);
  }

  function line(name, before, after, change) {
    return h("tr", {}, h("th", { scope: "row" }, name), ...[before, after, change].map((text) => h("td", {}, text)));
  }

  // Numbers of the window with and without the cut, and where a pixel changed sides.
  function report() {
    const known = ready();
    result.hidden = !known;
    if (!known) return;
    const { image, window: part, state } = explorer;
    const whole = table(0);
    const cut = table(here());
    const limit = Math.fround(state.threshold);
    const counts = { whole: 0, cut: 0, gained: 0, lost: 0 };
    let before = 0;
    let after = 0;
    let size = 0;
    for (let i = 0; i < whole.length; i++) {
      const was = whole[i] > limit;
      const is = cut[i] > limit;
      if (was) counts.whole++;
      if (is) counts.cut++;
      if (is && !was) counts.gained++;
      if (was && !is) counts.lost++;
      before += whole[i];
      after += cut[i];
      size += Math.abs(cut[i] - whole[i]);
    }
    const pixels = whole.length;
    const percent = (count) => 100 * shareOf(count, ground.section);
    const lines = [line("Salt area", `${percent(counts.whole).toFixed(1)} %`, `${percent(counts.cut).toFixed(1)} %`,
      `${cutSigned(percent(counts.cut) - percent(counts.whole), 1)} points`)];
    if (ground.truth) {
      const [first, second] = [whole, cut].map((values) => iou(confusion(values, ground.truth, state.threshold)));
      lines.push(line("IoU", first.toFixed(2), second.toFixed(2), cutSigned(second - first, 2)));
    }
    const [first, second] = [before, after].map((sum) => sum / pixels);
    lines.push(line("Mean probability", first.toFixed(3), second.toFixed(3), cutSigned(second - first, 3)));
    lines.push(line("Mean change of a pixel, up or down", "", "", (size / pixels).toFixed(3)));
    rows.replaceChildren(...lines);
    const gone = named(here());
    const instead = { zero: "zero", mean: "the mean of each channel" }[state.fill] ?? `what ${state.fill} has`;
    const what = `${gone.join(", ")} cut, ${instead} in ${gone.length > 1 ? "their" : "its"} place`;
    caption.textContent = (gone.length ? what : "Nothing is cut") + windowWords(image, part)
      + (state.random ? ", with random weights" : "");
    words.textContent = "Probability with the cut minus without. "
      + `${counts.lost.toLocaleString("en")} pixels stop being salt, ${counts.gained.toLocaleString("en")} become salt.`;
    difference.setAttribute("aria-label", `Difference of probability. ${words.textContent}`);
  }

  // The difference does not depend on the threshold.
  function drawDifference() {
    const known = ready();
    difference.parentElement.hidden = !known;
    if (!known) {
      overlay.stepAside();
      return;
    }
    const { height, width } = known;
    const whole = table(0);
    const cut = table(here());
    const change = cut.map((value, i) => value - whole[i]);
    paintValues(difference, change, height, width, explorer.palette, 1, true);
    paintClear(clear, change, height, width, explorer.palette, 1);
    if (overlay.wanted()) lay();
  }

  function lay() {
    const { top, left, height, width } = explorer.window;
    const label = "probability with the cut minus without";
    overlay.lay({ canvas: clear, top, left, height, width, smooth: false, label });
  }

  return function update(changed) {
    const any = (...names) => names.some((name) => changed.has(name));
    overlay.follow();
    over.checked = overlay.wanted();
    const network = JSON.stringify([explorer.network.parts, explorer.network.samples]);
    const rebuilt = network !== built;
    if (rebuilt) {
      built = network;
      ground = null;
      build();
    }
    const fresh = rebuilt || any("image", "window", "cuts", "fill", "random");
    if (!fresh && !any("threshold")) return;
    decode();
    if (fresh) {
      const { state } = explorer;
      for (const button of toggles.querySelectorAll("[data-part]")) {
        button.setAttribute("aria-pressed", String(state.cuts.includes(button.dataset.part)));
      }
      fill.value = state.fill;
      const current = here();
      for (const { index, names, button, words: spoken } of cells) {
        const cut = [...names, ...(current & below ? ["bottleneck"] : [])];
        spoken.textContent = cut.length ? `${cut.join(", ")} cut` : "nothing cut";
        if ((index | (current & below)) === current) button.setAttribute("aria-current", "true");
        else button.removeAttribute("aria-current");
      }
      heading.textContent = `All combinations of skips, with the bottleneck${current & below ? " cut" : ""}`;
      grid.setAttribute("aria-label", heading.textContent);
      pending.hidden = Boolean(ready());
      pending.textContent = explorer.cutsError ?? "What every combination gives is computed…";
      drawDifference();
    }
    report();
    paintSoon();
  };
}

// A change with its sign; what rounds to nothing has none.
function cutSigned(value, digits) {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return (value > 0 ? "+" : "−") + text;
}
