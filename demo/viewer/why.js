// Ask a pixel why: which pixels its logit depends on, which levels speak for it, and how far the network looks.
//
// The plain answer is asked first and shown at once, the mean over noisy copies second.  One question is under way at a
// time; what is asked next is decided when its answer is there, so of many pixels only the newest is asked.

import { h } from "./dom.js";
import { paintValues } from "./color.js";
import { legendStrip, overlayOf, paintClear } from "./cuts.js";

const WHY_COPIES = 16; // noisy copies of the image
const WHY_CALM = 150; // ms a pixel must stay before the long question about it is asked
const WHY_GRADIENT = "gradient"; // the name of that map, beside those of the sites

export function whyView(host, explorer) {
  const overlay = overlayOf(explorer, "why");
  const invite = h("p", { "data-testid": "why-invite" }, "Click a pixel of the image, or drag a box over it, and see "
    + "what its answer rests on.");
  const names = ["Row", "Column", "Height", "Width"];
  const numbers = names.map((name) => h("input", {
    type: "number", min: name === "Row" || name === "Column" ? 0 : 1, step: 1, inputmode: "numeric",
    "data-testid": `why-${name.toLowerCase()}`, onchange: fromNumbers,
  }));
  const value = h("p", { class: "why-value", "data-testid": "why-value" });
  const sentence = h("p", { class: "why-sentence", "data-testid": "why-sentence" });
  const field = h("p", { class: "note", "data-testid": "why-field" });
  const problem = h("p", { class: "why-problem", role: "alert", "data-testid": "why-problem" });
  const again = h("button", { type: "button", onclick: askAgain }, "ask again");
  const move = h("button", {
    type: "button", "data-testid": "why-window", onclick: moveWindow,
  }, "open the part around it");
  const state = h("p", { class: "note", "data-testid": "why-state" });
  const gradientHost = h("div", { class: "why-gradient" });
  const strip = h("div", { class: "why-strip" });
  const signs = h("p", { class: "note why-legend" });
  const sizes = h("p", { class: "note why-legend" });
  const maps = h("div", { role: "group", "aria-label": "Maps; choose one to lay it over the image" },
    h("div", { class: "why-first" }, gradientHost, signs), sizes, strip);
  const random = h("input", {
    type: "checkbox", "data-testid": "why-random", onchange: () => explorer.set({ random: random.checked }),
  });
  const sanity = h("p", { class: "note", "data-testid": "why-sanity" });
  const content = h("div", { class: "why-content" }, sentence, field, maps,
    h("label", {}, random, h("span", {}, "with random weights")), sanity);
  const answerBox = h("div", { "data-testid": "pixel-why" }, value, problem, again, move, content, state,
    h("button", { type: "button", "data-testid": "why-forget", onclick: forget }, "forget the pixel"));

  host.append(
    h("h3", {}, "Ask a pixel why"),
    h("p", { class: "note" }, "The gradient shows which pixels would move this logit if they were a little brighter; "
      + "Grad-CAM shows where the maps of a level speak for salt here. Neither shows what the network would say of "
      + "another image."),
    invite,
    h("div", { class: "row why-place" }, ...numbers.map((input, i) => h("label", {}, names[i], input))),
    answerBox,
  );

  let place = null; // the asked box in its scene, and what is known of it: {key, scene, box, inside, answers}
  let drawn = null; // the scene whose maps stand there
  const layers = new Map(); // name of a map -> {button, thumbnail, title, strength, canvas, smooth, label}
  let laid = null; // which of them is meant to lie over the image
  let frames = []; // as this panel wants them
  let busy = false;
  let wake = () => {}; // ends the pause before the long question
  let palette = null; // the one the legends were made of

  // --- Asking ---

  function lookUp() {
    const { image, network, window: part } = explorer;
    const { pixel, box } = explorer.state;
    const asked = box ?? (pixel && [...pixel, 1, 1]);
    if (!asked) return null;
    const scene = JSON.stringify([image.key, network.parameters, part.top, part.left, part.height, part.width]);
    const [top, left, height, width] = asked;
    const inside = top >= part.top && left >= part.left
      && top + height <= part.top + part.height && left + width <= part.left + part.width;
    return { key: `${scene} ${asked}`, scene, box: [...asked], inside, answers: {} };
  }

  // What is to be asked next, seen from here and now.
  function due() {
    if (!place?.inside) return null;
    const wanted = explorer.state.random ? ["random", "trained"] : ["trained"]; // random maps are there to be compared
    for (const samples of [0, WHY_COPIES]) {
      for (const weights of wanted) {
        const known = place.answers[weights];
        if (!known?.error && !(samples ? known?.smooth : known)) return { place, weights, samples };
      }
    }
    return null;
  }

  async function pump() {
    if (busy) return;
    busy = true;
    for (let job = due(); job; job = due()) {
      if (job.samples) {
        await new Promise((done) => { wake = done; setTimeout(done, WHY_CALM); });
        const now = due();
        if (now?.place !== job.place || now.weights !== job.weights || now.samples !== job.samples) continue;
      }
      let answer;
      try {
        const random = job.weights === "random";
        answer = await explorer.ask({ kind: "pixel", box: job.place.box, samples: job.samples, random });
      } catch (error) {
        answer = { error: error.message };
      }
      if (job.place === place && place.key === lookUp()?.key) take(job, answer);
    }
    busy = false;
  }

  function take({ weights, samples }, answer) {
    const known = place.answers[weights] ?? {};
    if (answer.error) place.answers[weights] = { ...known, error: answer.error };
    else if (!samples) place.answers[weights] = answer;
    else place.answers[weights] = { ...known, smooth: answer.gradient, boxes: answer.boxes };
    draw();
    const shown = explorer.state.random ? "random" : "trained";
    if (samples && shown === weights) explorer.say(`${value.textContent} ${answer.error ?? sentence.textContent}`);
  }

  function askAgain() {
    for (const weights of ["trained", "random"]) {
      const known = place?.answers[weights];
      if (!known?.error) continue;
      place.answers[weights] = known.logit === undefined ? undefined : { ...known, error: undefined };
    }
    draw();
    pump();
  }

  // --- The pixel and the box by hand ---

  function fromNumbers() {
    const { image } = explorer;
    const [row, column, ...sides] = numbers.map((input) => Math.round(input.valueAsNumber));
    if (Number.isNaN(row) || Number.isNaN(column)) return; // the other number is still to come
    const lengths = [image.height, image.width];
    const size = sides.map((side, axis) => Math.max(1, Math.min(side || 1, lengths[axis])));
    const start = [row, column].map((middle, axis) =>
      Math.max(0, Math.min(middle - (size[axis] >> 1), lengths[axis] - size[axis])));
    const pixel = start.map((from, axis) => from + (size[axis] >> 1));
    explorer.set({ pixel, box: size[0] * size[1] > 1 ? [...start, ...size] : null });
    writeNumbers();
  }

  function writeNumbers() {
    const { pixel, box } = explorer.state;
    const { height, width } = explorer.image;
    [height - 1, width - 1, height, width].forEach((most, i) => { numbers[i].max = most; });
    const values = [...(pixel ?? ["", ""]), box?.[2] ?? 1, box?.[3] ?? 1];
    numbers.forEach((input, i) => { if (input.value !== String(values[i])) input.value = values[i]; });
  }

  function forget() {
    explorer.set({ pixel: null, box: null });
    numbers[0].focus(); // this button goes away
  }

  function moveWindow() {
    const { image, window: part } = explorer;
    const [top, left, height, width] = place.box;
    const start = (from, side, length, whole) => Math.max(0, Math.min(from + ((side - length) >> 1), whole - length));
    explorer.set({
      window: [start(top, height, part.height, image.height), start(left, width, part.width, image.width)],
    });
  }

  // --- Showing ---

  function draw() {
    const known = place.answers[explorer.state.random ? "random" : "trained"];
    const answered = known?.logit !== undefined;
    const [top, left, height, width] = place.box;
    const where = height * width === 1
      ? `Row ${top}, column ${left}`
      : `Rows ${top} to ${top + height - 1}, columns ${left} to ${left + width - 1}, `
        + `mean of ${(height * width).toLocaleString("en")} pixels`;
    problem.textContent = !place.inside ? `${where}: this does not lie inside the opened part.` : known?.error ?? "";
    problem.hidden = !problem.textContent;
    again.hidden = !known?.error;
    move.hidden = place.inside;
    answerBox.setAttribute("aria-busy", String(place.inside && !answered && !known?.error));
    if (drawn && (drawn !== place.scene || !place.inside)) wipe();
    content.classList.toggle("stale", !answered);
    if (!answered) {
      value.textContent = place.inside && !known?.error ? `${where}: is computed…` : "";
      value.hidden = !value.textContent;
      sentence.textContent = "…"; // the maps may stand there a moment longer, but no number of another pixel
      state.textContent = "";
      if (known?.error) wipe();
      return;
    }
    value.hidden = false;
    value.textContent = `${where}: probability ${known.probability.toFixed(2)}, logit ${whyNumber(known.logit)}`
      + `${explorer.state.random ? ", with random weights" : ""}.`;
    const [wide, narrow] = ["90", "50"].map((share) => known.boxes[share]);
    sentence.textContent = `90 % of the influence comes from ${wide[2]} x ${wide[3]} pixels (rows x columns), `
      + `50 % from ${narrow[2]} x ${narrow[3]}.`;
    state.textContent = known.smooth || known.error ? "" : `The mean over ${WHY_COPIES} noisy copies is computed…`;
    content.hidden = false;
    drawn = place.scene;
    drawField(wide, narrow);
    drawMaps(known);
    compare();
    if (overlay.wanted()) layers.has(laid) ? lay(laid) : overlay.drop();
    mark();
  }

  // How far a logit could look, against where its influence really comes from.
  function drawField(wide, narrow) {
    const { network, window: part, image } = explorer;
    const [top, left, height, width] = place.box;
    const reach = network.field >> 1;
    const first = Math.max(part.top, top - reach);
    const start = Math.max(part.left, left - reach);
    const theory = {
      top: first, left: start,
      height: Math.min(part.top + part.height, top - reach + network.field + height - 1) - first,
      width: Math.min(part.left + part.width, left - reach + network.field + width - 1) - start,
      label: "in theory", dashed: true,
    };
    const whole = part.height * part.width === image.height * image.width ? "image" : "opened part";
    const covers = theory.height === part.height && theory.width === part.width;
    const uncut = explorer.state.cuts.length ? " This is the answer of the whole network: nothing is cut for it." : "";
    field.textContent = `In theory a logit depends on up to ${network.field} x ${network.field} pixels around it`
      + `${covers ? `, here on the whole ${whole}` : ""}: the dashed frame. Influence is the size of the gradient in the `
      + `opened part; the other frames hold 90 % and 50 % of it. The logit is taken before the card's temperature.${uncut}`;
    const frame = ([from, side, rows, columns], label) =>
      ({ top: from, left: side, height: rows, width: columns, label, dashed: false });
    frames = [theory, frame(wide, "90 %"), frame(narrow, "50 %")];
    keepFrames();
  }

  const keepFrames = () => explorer.set({ frames }, { settled: false });

  function drawMaps(known) {
    const { palette: colors, window: part, network } = explorer;
    if (palette !== colors) {
      palette = colors;
      signs.replaceChildren(h("span", {}, "Blue: a brighter pixel lowers the logit"), legendStrip(colors.diverging),
        h("span", {}, "orange: it raises it. The strongest hundredth has the full colour."));
      sizes.replaceChildren(h("span", {}, "Grad-CAM at every level: 0"), legendStrip(colors.sequential),
        h("span", {}, "each map's largest value"));
    }
    const gradient = known.smooth ?? known.gradient;
    const map = layer(WHY_GRADIENT, gradientHost);
    map.title.textContent = `input gradient${known.smooth ? `, mean of ${WHY_COPIES} noisy copies (SmoothGrad)` : ""}`;
    map.label = known.smooth ? "SmoothGrad of the pixel" : "input gradient of the pixel";
    const limit = whyStrong(gradient);
    paintValues(map.thumbnail, gradient, part.height, part.width, colors, limit, true);
    paintClear(map.canvas, gradient, part.height, part.width, colors, limit);

    const sites = network.sites.filter(({ name }) => known.cams[name]);
    for (const name of [...layers.keys()]) {
      if (name === WHY_GRADIENT || known.cams[name]) continue;
      layers.get(name).button.remove();
      layers.delete(name);
    }
    for (const { name, stride } of sites) {
      const cam = layer(name, strip);
      cam.title.textContent = name;
      cam.label = `Grad-CAM of the pixel at ${name}`;
      cam.smooth = true;
      drawCam(cam, known.cams[name], stride);
    }
  }

  function layer(name, parent) {
    if (!layers.has(name)) {
      const thumbnail = h("canvas", { "aria-hidden": "true" });
      const title = h("span", { class: "why-name" });
      const strength = h("span", { class: "why-strength" });
      const canvas = document.createElement("canvas"); // what is laid over the image
      const button = h("button", {
        type: "button", class: "why-map", "data-testid": `why-map-${name}`, onclick: () => choose(name),
      }, thumbnail, title, strength);
      parent.append(button);
      layers.set(name, { button, thumbnail, title, strength, canvas, smooth: false, label: "" });
    }
    return layers.get(name);
  }

  // A coarse map in its place in the window: its pixels are `stride` wide, and the first may begin outside, where
  // unet.image.Padding mirrored the image to a multiple of the deepest stride.
  function drawCam({ thumbnail, canvas }, cam, stride) {
    const { window: part, network, palette: colors } = explorer;
    const deepest = Math.max(...network.sites.map((site) => site.stride));
    const offset = (length) => -(((-length % deepest) + deepest) % deepest >> 1) % stride;
    const small = document.createElement("canvas");
    paintValues(small, cam.values, cam.height, cam.width, colors, whyLargest(cam.values), false);
    for (const target of [thumbnail, canvas]) {
      target.width = part.width;
      target.height = part.height;
      const context = target.getContext("2d");
      context.imageSmoothingEnabled = true;
      context.drawImage(small, offset(part.width), offset(part.height), cam.width * stride, cam.height * stride);
    }
  }

  // Each map against the one that the other weights give for the same pixel, once both are known.
  function compare() {
    const { trained, random: untrained } = place.answers;
    const both = trained?.logit !== undefined && untrained?.logit !== undefined;
    const gradient = trained?.smooth && untrained?.smooth ? "smooth" : "gradient"; // like with like
    const valuesOf = (known, name) => (name === WHY_GRADIENT ? known[gradient] : known.cams[name].values);
    for (const [name, { strength }] of layers) {
      const r = both ? whyCorrelation(valuesOf(trained, name), valuesOf(untrained, name)) : null;
      strength.textContent = r === null ? "" : `r ${whyNumber(r)}`;
    }
    const other = explorer.state.random ? "the trained network's map" : "the map that random weights give";
    sanity.textContent = "A map that does not change when the weights are random explains nothing."
      + (both ? ` r: its correlation with ${other} of the same pixel.` : "");
  }

  // --- Over the image ---

  function choose(name) {
    if (overlay.wanted() && laid === name) overlay.drop();
    else lay(name);
    mark();
  }

  function lay(name) {
    laid = name;
    const { canvas, smooth, label } = layers.get(name);
    const { top, left, height, width } = explorer.window;
    overlay.lay({ canvas, top, left, height, width, smooth, label });
  }

  function mark() {
    for (const [name, { button }] of layers) {
      button.setAttribute("aria-pressed", String(overlay.wanted() && laid === name));
    }
  }

  // Nothing of another scene stays in the image.
  function wipe() {
    drawn = null;
    content.hidden = true;
    frames = [];
    keepFrames();
    overlay.stepAside();
  }

  content.hidden = true;

  return function update(changed) {
    overlay.follow();
    if (changed.has("overlay")) mark();
    if (drawn && explorer.state.frames !== frames) keepFrames(); // a new view from the server takes them away
    if (!["image", "pixel", "box", "random", "window", "cuts"].some((name) => changed.has(name))) return;
    if (["image", "pixel", "box"].some((name) => changed.has(name))) writeNumbers();
    random.checked = explorer.state.random;
    const next = lookUp();
    invite.hidden = Boolean(next);
    answerBox.hidden = !next;
    if (!next) {
      place = null;
      if (drawn) wipe();
      overlay.drop();
      wake();
      return;
    }
    if (next.key !== place?.key) {
      place = next;
      wake();
    }
    draw();
    pump();
  };
}

// What the strongest hundredth of the values exceeds; so a few large ones do not hide the rest.
function whyStrong(values) {
  const sizes = values.map(Math.abs).sort();
  return sizes[Math.floor(0.99 * (sizes.length - 1))] || sizes.at(-1);
}

function whyLargest(values) {
  let largest = 0;
  for (const value of values) if (value > largest) largest = value;
  return largest;
}

// Two digits behind the point; what rounds to nothing has no sign.
function whyNumber(value) {
  const text = Math.abs(value).toFixed(2);
  return value < 0 && Number(text) > 0 ? `−${text}` : text;
}

// Pearson's correlation of two maps of one size; null where one of them is the same everywhere.
function whyCorrelation(one, other) {
  if ([one, other].some((values) => values.every((value) => value === values[0]))) return null;
  const count = one.length;
  let first = 0;
  let second = 0;
  for (let i = 0; i < count; i++) {
    first += one[i] / count;
    second += other[i] / count;
  }
  let products = 0;
  let squares = 0;
  let others = 0;
  for (let i = 0; i < count; i++) {
    products += (one[i] - first) * (other[i] - second);
    squares += (one[i] - first) ** 2;
    others += (other[i] - second) ** 2;
  }
  return products / Math.sqrt(squares * others);
}
