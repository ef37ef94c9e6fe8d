import { averagePrecision, confusion, countAbove, iou, shareOf } from "./scores.js";

// The image: its salt at a threshold that follows the finger, what is right and wrong of it, and what other panels
// lay over it.  Everything is drawn and counted here; only what was chosen goes to the explorer.

const IMAGE_MARKUP = `
  <div class="stage">
    <canvas data-testid="salt-viewer" role="img" tabindex="0"></canvas>
    <div class="divider" data-testid="salt-divider" aria-hidden="true" hidden></div>
    <div class="grip" data-testid="salt-grip" aria-hidden="true" title="Move the window" hidden></div>
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
    <label>Threshold
      <span class="track">
        <input type="range" min="0" max="1" step="0.01" data-testid="salt-threshold">
        <span class="mark"></span>
      </span>
    </label>
    <input type="number" min="0" max="1" step="0.01" aria-label="Threshold, exact" data-testid="salt-threshold-exact">
  </div>
  <div class="row">
    <div role="radiogroup" aria-label="Show salt as" class="segments">
      <label><input type="radio" value="fill"><span>Fill</span></label>
      <label><input type="radio" value="contour"><span>Contour</span></label>
      <label><input type="radio" value="heat"><span>Heat map</span></label>
    </div>
    <label class="opacity">Opacity
      <input type="range" min="0" max="1" step="0.05" data-testid="salt-opacity">
    </label>
    <span class="scale" hidden><span>0</span><canvas width="256" height="1" aria-hidden="true"></canvas><span>1</span>
      <span>probability of salt</span></span>
  </div>
  <div class="row">
    <label class="truth"><input type="checkbox" data-testid="salt-truth">Compare with the truth</label>
    <label><input type="checkbox" data-testid="salt-plain">Plain image on the left</label>
    <label class="swipe" hidden>Swipe
      <input type="range" min="0" max="1" step="0.01" data-testid="salt-swipe">
    </label>
  </div>
  <div class="row">
    <span class="zoom" role="group" aria-label="Zoom">
      <button type="button" value="in" aria-label="Zoom in">+</button>
      <button type="button" value="out" aria-label="Zoom out">−</button>
      <button type="button" value="whole">whole</button>
    </span>
    <div role="radiogroup" aria-label="Dragging on the image" class="segments">
      <label title="Dragging marks a box"><input type="radio" value="select" checked><span>Select</span></label>
      <label title="Dragging moves the enlarged image"><input type="radio" value="move"><span>Move</span></label>
    </div>
  </div>
  <div class="row window" hidden>
    <label>First row of the window <input type="number" min="0" step="1" data-testid="salt-window-row"></label>
    <label>First column of the window <input type="number" min="0" step="1" data-testid="salt-window-column"></label>
  </div>
  <p class="note">Marked is what the network calls salt at this threshold, not whether it is there.</p>`;

// What a pixel is: bit 0, the network calls it salt; bit 1, it is salt.
const FALSE_POSITIVE = 1, FALSE_NEGATIVE = 2, TRUE_POSITIVE = 3;

// Okabe and Ito's colours, which colour-blind people can tell apart: only the network, only the truth, both.
const VERDICTS = [null, [230, 159, 0], [86, 180, 233], [0, 158, 115]];
const TRUTH_EDGE = VERDICTS[FALSE_NEGATIVE];
const FRAME_COLOR = [240, 228, 66];
const MARK_COLOR = [255, 255, 255];

const HATCH = 11; // CSS pixels from one line to the next along a row
const CLOSEST = 8; // rows or columns that stay in sight when it is zoomed in as far as it goes
const NEAR = 7; // CSS pixels from the window's border that still take hold of it

const REPAINTED_BY = ["image", "shown", "threshold", "look", "opacity", "truth", "overlay"];
const REDRAWN_BY = [...REPAINTED_BY, "swipe", "pixel", "box", "window", "frames"];
const COUNTED_BY = ["image", "shown", "threshold"];

export function imageView(host, explorer) {
  host.innerHTML = IMAGE_MARKUP;
  const find = (selector) => host.querySelector(selector);
  const named = (name) => find(`[data-testid=salt-${name}]`);
  const stage = find(".stage"), canvas = named("viewer"), divider = named("divider"), grip = named("grip");
  const readout = named("readout"), scores = named("scores"), cursor = named("cursor"), legend = named("legend");
  const altered = named("altered"), over = named("overlay"), guessed = named("guessed");
  const slider = named("threshold"), exact = named("threshold-exact"), opacity = named("opacity");
  const truthBox = named("truth"), plainBox = named("plain"), swipe = named("swipe");
  const windowRow = named("window-row"), windowColumn = named("window-column");
  const looks = [...host.querySelectorAll("[value=fill], [value=contour], [value=heat]")];
  const drags = [...host.querySelectorAll("[value=select], [value=move]")];
  const unique = Math.random().toString(36).slice(2); // a page may hold two viewers
  for (const radio of looks) radio.name = `salt-look-${unique}`;
  for (const radio of drags) radio.name = `salt-drag-${unique}`;

  const context = canvas.getContext("2d", { alpha: false });
  const whole = new Intl.NumberFormat("en");
  const table = new Uint8ClampedArray(4 * 4 * 256); // the colour of every grey, for each of the four classes
  const shades = new Uint32Array(table.buffer);

  let image = null;
  let plain = null, painted = null; // canvases of one device pixel a pixel: the image, and the image with its salt
  let bitmap = null, colors = null; // of `painted`: ImageData, and the same bytes as whole pixels
  let classes = null;
  let tinted = false; // whether `painted` differs from `plain`
  let counts = null, count = 0; // at this threshold: against the truth, and salt
  let unit = 1; // device pixels of the canvas in a CSS pixel
  let patterns = null, patternSide = 0;
  let sight = { zoom: 1, row: 0, column: 0 }; // what of the image is in sight: from this row and column on
  let carried = null; // the window's first row and column while it is dragged
  const pointers = new Map(); // those that are down: where each is
  let gesture = null; // what they are doing
  let frame = 0;

  // --- A new image ---

  function open() {
    image = explorer.image;
    const { width, height, grey } = image;
    guessed.hidden = !image.guessed.length;
    guessed.textContent = image.guessed.map((note) => `Note: ${note}.`).join(" ");
    // Every pixel a square of device pixels: edges stay sharp, and outlines run between pixels.
    const longest = Math.max(width, height);
    const scale = longest > 2048 ? 2048 / longest : Math.max(1, Math.round(800 / longest));
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    stage.style.setProperty("--aspect", width / height);
    plain = new OffscreenCanvas(width, height);
    painted = new OffscreenCanvas(width, height);
    bitmap = new ImageData(width, height);
    colors = new Uint32Array(bitmap.data.buffer);
    classes = new Uint8Array(width * height);
    mixShades(0, null);
    for (let i = 0; i < colors.length; i++) colors[i] = shades[grey[i]];
    plain.getContext("2d").putImageData(bitmap, 0, 0);
    carried = gesture = null;
    pointers.clear();
    sight = { zoom: 1, row: 0, column: 0 };
    canvas.style.touchAction = "pan-y";
    find(".truth").hidden = !image.truth;
    const mark = find(".mark");
    mark.style.setProperty("--at", image.chosen);
    mark.title = `the threshold these weights were given: ${image.chosen.toFixed(2)}`;
    drawScale();
  }

  function drawScale() {
    const strip = new ImageData(256, 1);
    const { sequential } = explorer.palette;
    for (let i = 0; i < 256; i++) strip.data.set([...sequential.subarray(3 * i, 3 * i + 3), 255], 4 * i);
    find(".scale canvas").getContext("2d").putImageData(strip, 0, 0);
  }

  const comparing = () => explorer.state.truth && image.truth !== null;

  // --- Painting: the image with its salt, a pixel a pixel ---

  function mixShades(kind, color, alpha = 0) {
    for (let grey = 0, j = 1024 * kind; grey < 256; grey++, j += 4) {
      table[j] = color ? grey + alpha * (color[0] - grey) : grey;
      table[j + 1] = color ? grey + alpha * (color[1] - grey) : grey;
      table[j + 2] = color ? grey + alpha * (color[2] - grey) : grey;
      table[j + 3] = 255;
    }
  }

  function paint() {
    const { look, opacity: alpha, threshold, overlay } = explorer.state;
    const { probability } = explorer.shown;
    const { grey, truth } = image;
    const limit = Math.fround(threshold);
    const judged = comparing();
    for (let i = 0; i < classes.length; i++) {
      classes[i] = (probability[i] > limit ? 1 : 0) | (judged && truth[i] ? 2 : 0);
    }
    // Under a map the salt is an outline: two tints over each other would be a third that means nothing.
    tinted = look !== "contour" && !overlay && alpha > 0;
    if (!tinted) return;
    if (look === "heat") {
      const { sequential } = explorer.palette, bytes = bitmap.data;
      for (let i = 0, j = 0; i < classes.length; i++, j += 4) {
        const k = 3 * Math.round(255 * probability[i]), value = grey[i];
        bytes[j] = value + alpha * (sequential[k] - value);
        bytes[j + 1] = value + alpha * (sequential[k + 1] - value);
        bytes[j + 2] = value + alpha * (sequential[k + 2] - value);
      }
    } else {
      for (let kind = 1; kind < 4; kind++) mixShades(kind, judged ? VERDICTS[kind] : explorer.palette.salt, alpha);
      for (let i = 0; i < classes.length; i++) colors[i] = shades[(classes[i] << 8) | grey[i]];
    }
    painted.getContext("2d").putImageData(bitmap, 0, 0);
  }

  // --- Drawing: what of it is in sight, and everything over it ---

  const scaleNow = () => (canvas.width / image.width) * sight.zoom; // device pixels in a pixel

  function draw() {
    cancelAnimationFrame(frame);
    frame = 0;
    const { look, opacity: alpha, swipe: place, overlay, frames, pixel, box } = explorer.state;
    const split = place === null ? 0 : Math.round(place * canvas.width);
    if (!tinted || split > 0) drawPixels(plain);
    if (split > 0) {
      context.save();
      context.beginPath();
      context.rect(split, 0, canvas.width - split, canvas.height);
      context.clip();
    }
    if (tinted) drawPixels(painted);
    if (overlay) drawOverlay(overlay, alpha);
    const judged = comparing();
    if (judged && !overlay && alpha > 0) {
      context.globalAlpha = Math.sqrt(alpha);
      hatch(FALSE_POSITIVE);
      hatch(FALSE_NEGATIVE);
      context.globalAlpha = 1;
    }
    if (look !== "fill" || overlay) {
      outline(1, explorer.palette.salt);
      if (judged) outline(2, TRUTH_EDGE);
    }
    if (split > 0) {
      context.restore();
      edgeLine(split);
    }
    if (isPart()) drawWindow();
    if (frames.length) drawFrames(frames);
    if (box) rectangle(box[0], box[1], box[2], box[3], MARK_COLOR);
    else if (pixel) crossHair(pixel);
    placeHandles(place);
  }

  const later = () => { frame ||= requestAnimationFrame(draw); };

  function drawPixels(source) {
    const scale = scaleNow();
    context.imageSmoothingEnabled = scale < 1;
    context.setTransform(scale, 0, 0, scale, -sight.column * scale, -sight.row * scale);
    context.drawImage(source, 0, 0);
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  function drawOverlay({ canvas: source, top, left, height, width, smooth }, alpha) {
    const scale = scaleNow();
    context.imageSmoothingEnabled = Boolean(smooth);
    context.globalAlpha = alpha;
    context.drawImage(
      source, (left - sight.column) * scale, (top - sight.row) * scale, width * scale, height * scale,
    );
    context.globalAlpha = 1;
  }

  // The rows and columns in sight, those cut by its edge too.
  const firstRow = () => Math.floor(sight.row);
  const firstColumn = () => Math.floor(sight.column);
  const endRow = () => Math.min(image.height, Math.ceil(sight.row + image.height / sight.zoom));
  const endColumn = () => Math.min(image.width, Math.ceil(sight.column + image.width / sight.zoom));

  function hatch(kind) {
    const { width } = image, scale = scaleNow(), columns = endColumn();
    context.beginPath();
    for (let row = firstRow(); row < endRow(); row++) {
      const start = row * width;
      for (let column = firstColumn(), from = -1; column <= columns; column++) {
        const inside = column < columns && classes[start + column] === kind;
        if (inside && from < 0) from = column;
        if (!inside && from >= 0) {
          context.rect((from - sight.column) * scale, (row - sight.row) * scale, (column - from) * scale, scale);
          from = -1;
        }
      }
    }
    context.fillStyle = hatching(kind);
    context.fill();
  }

  // Lines in the class's colour, black on either side: up to the right for false positives, down for false negatives.
  function hatching(kind) {
    const side = Math.max(4, Math.round(HATCH * unit));
    if (side !== patternSide) {
      patternSide = side;
      patterns = [FALSE_POSITIVE, FALSE_NEGATIVE].map((which) => {
        const tile = new OffscreenCanvas(side, side), lines = tile.getContext("2d");
        if (which === FALSE_NEGATIVE) lines.setTransform(1, 0, 0, -1, 0, side);
        for (const [color, share] of [["black", 0.3], [`rgb(${VERDICTS[which]})`, 0.15]]) {
          lines.strokeStyle = color;
          lines.lineWidth = share * side;
          for (const shift of [-side, 0, side]) {
            lines.beginPath();
            lines.moveTo(shift - side / 2, 1.5 * side);
            lines.lineTo(shift + 1.5 * side, -side / 2);
            lines.stroke();
          }
        }
        return context.createPattern(tile, "repeat");
      });
    }
    return patterns[kind - 1];
  }

  // The border of a region along the edges between pixels; runs are joined, and the image's own edge is left open.
  function outline(bit, color) {
    const { width } = image, scale = scaleNow();
    const top = firstRow(), left = firstColumn(), bottom = endRow(), right = endColumn();
    const x = (column) => (column - sight.column) * scale, y = (row) => (row - sight.row) * scale;
    context.beginPath();
    for (let row = Math.max(1, top); row < bottom; row++) {
      for (let column = left, from = -1; column <= right; column++) {
        const i = row * width + column;
        const edge = column < right && (classes[i] ^ classes[i - width]) & bit;
        if (edge && from < 0) from = column;
        if (!edge && from >= 0) {
          context.moveTo(x(from), y(row));
          context.lineTo(x(column), y(row));
          from = -1;
        }
      }
    }
    for (let column = Math.max(1, left); column < right; column++) {
      for (let row = top, from = -1; row <= bottom; row++) {
        const i = row * width + column;
        const edge = row < bottom && (classes[i] ^ classes[i - 1]) & bit;
        if (edge && from < 0) from = row;
        if (!edge && from >= 0) {
          context.moveTo(x(column), y(from));
          context.lineTo(x(column), y(row));
          from = -1;
        }
      }
    }
    context.lineCap = "square";
    strokeTwice(color, 2.5);
  }

  // Black under colour: visible on black, on white and on every grey between.
  function strokeTwice(color, width) {
    context.lineWidth = (width + 2) * unit;
    context.strokeStyle = "black";
    context.stroke();
    context.lineWidth = width * unit;
    context.strokeStyle = `rgb(${color})`;
    context.stroke();
  }

  function edgeLine(split) {
    context.beginPath();
    context.moveTo(split, 0);
    context.lineTo(split, canvas.height);
    strokeTwice(MARK_COLOR, 1.5);
  }

  // A frame around a part of the image; what lies outside the image is drawn at its edge.
  function rectangle(top, left, height, width, color, dash = null) {
    const scale = scaleNow(), inset = 1.5 * unit;
    const [x0, x1] = [left, left + width].map((column) => clampTo(column, 0, image.width) - sight.column);
    const [y0, y1] = [top, top + height].map((row) => clampTo(row, 0, image.height) - sight.row);
    const at = {
      left: x0 * scale + (left <= 0 ? inset : 0), right: x1 * scale - (left + width >= image.width ? inset : 0),
      top: y0 * scale + (top <= 0 ? inset : 0), bottom: y1 * scale - (top + height >= image.height ? inset : 0),
    };
    context.beginPath();
    context.rect(at.left, at.top, at.right - at.left, at.bottom - at.top);
    context.lineCap = "butt";
    if (dash) context.setLineDash(dash.map((length) => length * unit));
    strokeTwice(color, 1.75);
    if (dash) context.setLineDash([]);
    return at;
  }

  function crossHair([row, column]) {
    const scale = scaleNow();
    const x = (column + 0.5 - sight.column) * scale, y = (row + 0.5 - sight.row) * scale;
    const half = Math.max(scale / 2, 4 * unit), arm = half + 9 * unit;
    context.beginPath();
    context.rect(x - half, y - half, 2 * half, 2 * half);
    context.moveTo(x - arm, y); context.lineTo(x - half, y);
    context.moveTo(x + half, y); context.lineTo(x + arm, y);
    context.moveTo(x, y - arm); context.lineTo(x, y - half);
    context.moveTo(x, y + half); context.lineTo(x, y + arm);
    context.lineCap = "butt";
    strokeTwice(MARK_COLOR, 1.75);
  }

  function drawFrames(frames) {
    const placed = [];
    const edges = frames.map(({ top, left, height, width, dashed }) =>
      rectangle(top, left, height, width, FRAME_COLOR, dashed ? [6, 4] : null));
    frames.forEach(({ label }, i) => { if (label) drawLabel(label, edges[i], placed); });
  }

  // Beside its frame, where no other label stands.
  function drawLabel(text, at, placed) {
    const gap = 3 * unit, height = 17 * unit;
    context.font = `${12 * unit}px sans-serif`;
    const width = context.measureText(text).width + 2 * gap;
    const fits = ([x, y]) =>
      x >= 0 && y >= 0 && x + width <= canvas.width && y + height <= canvas.height &&
      placed.every((one) => x >= one.x + one.width || x + width <= one.x || y >= one.y + height || y + height <= one.y);
    const beyond = at.right - width;
    const places = [
      [at.left, at.top - height - gap], [at.left, at.bottom + gap], [beyond, at.top - height - gap],
      [beyond, at.bottom + gap], [at.right + gap, at.top], [at.left - width - gap, at.top],
      [at.left + gap, at.top + gap], [beyond - gap, at.bottom - height - gap],
      [at.left + gap, at.bottom - height - gap], [beyond - gap, at.top + gap],
    ];
    const [x, y] = places.find(fits) ?? places[6].map((value) => Math.max(0, value));
    placed.push({ x, y, width });
    context.fillStyle = "rgb(0 0 0 / 75%)";
    context.fillRect(x, y, width, height);
    context.fillStyle = `rgb(${FRAME_COLOR})`;
    context.textBaseline = "middle";
    context.fillText(text, x + gap, y + height / 2);
  }

  // --- The window: the part of a large image that is opened up ---

  const isPart = () => explorer.window.height < image.height || explorer.window.width < image.width;

  const windowAt = () => carried ?? [explorer.window.top, explorer.window.left];

  function drawWindow() {
    const [top, left] = windowAt();
    rectangle(top, left, explorer.window.height, explorer.window.width, MARK_COLOR, [10, 5]);
  }

  function carryWindow(row, column) {
    carried = [
      clampTo(Math.round(row), 0, image.height - explorer.window.height),
      clampTo(Math.round(column), 0, image.width - explorer.window.width),
    ];
    showWindow();
    later();
  }

  // The network is asked when the window is let go, not on every row that it passes.
  function dropWindow() {
    const place = carried;
    carried = null;
    if (place) explorer.set({ window: place });
    showWindow();
    later();
  }

  function showWindow() {
    const part = isPart();
    find(".row.window").hidden = !part;
    if (!part) return;
    const [top, left] = windowAt();
    for (const [input, value, most] of [
      [windowRow, top, image.height - explorer.window.height],
      [windowColumn, left, image.width - explorer.window.width],
    ]) {
      input.max = most;
      if (!input.matches(":focus")) input.value = value;
    }
  }

  // Handles are elements over the canvas: a finger can drag them where the image itself would scroll the page.
  function placeHandles(place) {
    divider.hidden = place === null;
    if (place !== null) divider.style.left = `${100 * place}%`;
    const [top, left] = windowAt();
    const x = ((left - sight.column) / image.width) * sight.zoom;
    const y = ((top - sight.row) / image.height) * sight.zoom;
    grip.hidden = !isPart() || x < 0 || y < 0 || x > 1 || y > 1;
    if (grip.hidden) return;
    grip.style.left = `${100 * x}%`;
    grip.style.top = `${100 * y}%`;
  }

  function draggable(handle, start, move, end) {
    handle.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      handle.setPointerCapture(event.pointerId);
      start(event);
    });
    handle.addEventListener("pointermove", (event) => {
      if (handle.hasPointerCapture(event.pointerId)) move(event);
    });
    handle.addEventListener("lostpointercapture", end);
  }

  const swipeTo = (event) => {
    const box = canvas.getBoundingClientRect();
    explorer.set({ swipe: clampTo((event.clientX - box.left) / box.width, 0, 1) }, { settled: false });
  };
  draggable(divider, swipeTo, swipeTo, () => {});

  let held = [0, 0]; // from the window's corner to the hand
  const takeWindow = (event) => {
    const [row, column] = placeOf(event), [top, left] = windowAt();
    held = [row - top, column - left];
  };
  const moveWindow = (event) => {
    const [row, column] = placeOf(event);
    carryWindow(row - held[0], column - held[1]);
  };
  draggable(grip, takeWindow, moveWindow, dropWindow);

  // --- Words ---

  function report() {
    const { threshold } = explorer.state;
    const { probability, highest } = explorer.shown;
    if (image.truth) {
      counts = confusion(probability, image.truth, threshold);
      count = counts.tp + counts.fp;
    } else {
      counts = null;
      count = countAbove(probability, threshold);
    }
    const share = 100 * shareOf(count, image.section);
    const margin = image.margin ? " without the margin" : "";
    const start = `threshold ${threshold.toFixed(2)} · salt ${share.toFixed(1)} %${margin}`;
    readout.textContent = count
      ? `${start} · ${whole.format(count)} pixels`
      : `${start} · nothing passes the threshold; highest probability ${highest.toFixed(2)}`;
    scores.hidden = !counts;
    if (counts) {
      const score = averagePrecision(counts).toFixed(2);
      scores.textContent = `IoU ${iou(counts).toFixed(2)} · competition's score ${score}`;
    }
    const spoken = counts ? `${readout.textContent} · ${scores.textContent}` : readout.textContent;
    canvas.setAttribute("aria-label", `${image.name}, ${image.height} rows by ${image.width} columns; ${spoken}`);
    slider.setAttribute("aria-valuetext", spoken);
  }

  function reportNetwork() {
    const { random, cuts } = explorer.state;
    const ways = [];
    if (random) ways.push("with random weights");
    if (cuts.length) ways.push(`without ${cuts.join(", ")}`);
    altered.hidden = !ways.length;
    if (!ways.length) return;
    const where = isPart() ? ", inside the window" : "";
    altered.textContent = explorer.shown.altered
      ? `Shown is the network ${ways.join(" and ")}${where}.`
      : `The network ${ways.join(" and ")} is computed …`;
  }

  function reportCursor() {
    const place = explorer.state.hover ?? explorer.state.pixel;
    if (!place) {
      cursor.textContent = "Point at a pixel for its value; click it, or drag a box, to ask why.";
      return;
    }
    const [row, column] = place, i = row * image.width + column;
    const truth = image.truth ? ` · truth: ${image.truth[i] ? "salt" : "no salt"}` : "";
    cursor.textContent =
      `row ${row}, column ${column}: probability ${explorer.shown.probability[i].toFixed(2)} · ` +
      `grey ${image.grey[i]}${truth}`;
  }

  function makeLegend() {
    const entry = (kind, words, className) => {
      const item = document.createElement("li"), swatch = document.createElement("span");
      swatch.className = `swatch ${className}`;
      swatch.style.setProperty("--color", `rgb(${kind})`);
      const text = document.createElement("span"), number = document.createElement("b");
      text.textContent = words;
      item.append(swatch, text, " ", number);
      legend.append(item);
      return { item, number };
    };
    return {
      tp: entry(VERDICTS[TRUE_POSITIVE], "found (TP)", "plain"),
      fp: entry(VERDICTS[FALSE_POSITIVE], "too much (FP)", "rising"),
      fn: entry(VERDICTS[FALSE_NEGATIVE], "missed (FN)", "falling"),
      mask: entry(VERDICTS[FALSE_POSITIVE], "edge of what was found", "edge"),
      truth: entry(TRUTH_EDGE, "edge of the truth", "edge"),
    };
  }

  const entries = makeLegend();

  function showLegend() {
    const { look, overlay } = explorer.state;
    const judged = comparing();
    legend.hidden = !judged;
    if (!judged) return;
    for (const kind of ["tp", "fp", "fn"]) entries[kind].number.textContent = whole.format(counts[kind]);
    entries.mask.item.hidden = entries.truth.item.hidden = look === "fill" && !overlay;
    legend.classList.toggle("untinted", look !== "fill" || Boolean(overlay));
  }

  // --- Controls ---

  function showControls() {
    const { threshold, look, opacity: alpha, truth, swipe: place, overlay } = explorer.state;
    slider.value = threshold;
    if (!exact.matches(":focus")) exact.value = decimals(threshold); // not under the fingers of somebody who types
    opacity.value = alpha;
    opacity.disabled = look === "contour" && !overlay && !comparing(); // there is nothing but lines
    for (const radio of looks) radio.checked = radio.value === look;
    truthBox.checked = truth;
    plainBox.checked = place !== null;
    find(".swipe").hidden = place === null;
    if (place !== null) swipe.value = place;
    find(".scale").hidden = look !== "heat" || Boolean(overlay);
    over.hidden = !overlay;
    if (overlay) over.firstElementChild.textContent = `Over the image: ${overlay.label}.`;
  }

  const decimals = (value) => (Number(value.toFixed(2)) === value ? value.toFixed(2) : String(value));

  // A control says what it sets while it moves, and that it has been let go.
  function follow(input, read) {
    const tell = (settled) => {
      const change = read();
      if (change) explorer.set(change, { settled });
    };
    input.addEventListener("input", () => tell(false));
    input.addEventListener("change", () => tell(true));
  }

  follow(slider, () => ({ threshold: slider.valueAsNumber }));
  follow(opacity, () => ({ opacity: opacity.valueAsNumber }));
  follow(swipe, () => ({ swipe: swipe.valueAsNumber }));
  follow(exact, () => {
    const value = exact.valueAsNumber;
    return value >= 0 && value <= 1 ? { threshold: value } : null;
  });
  exact.addEventListener("blur", () => { exact.value = decimals(explorer.state.threshold); });
  for (const radio of looks) radio.addEventListener("change", () => explorer.set({ look: radio.value }));
  truthBox.addEventListener("change", () => explorer.set({ truth: truthBox.checked }));
  plainBox.addEventListener("change", () => explorer.set({ swipe: plainBox.checked ? 0.5 : null }));
  over.lastElementChild.addEventListener("click", () => explorer.set({ overlay: null }));
  for (const input of [windowRow, windowColumn]) {
    input.addEventListener("change", () => {
      const [row, column] = [windowRow, windowColumn].map((one, axis) =>
        Number.isFinite(one.valueAsNumber) ? one.valueAsNumber : windowAt()[axis]);
      carryWindow(row, column);
      input.value = carried[input === windowRow ? 0 : 1];
      dropWindow();
    });
  }
  for (const button of host.querySelectorAll(".zoom button")) {
    button.addEventListener("click", () => {
      if (button.value === "whole") return zoomAt(0, 0.5, 0.5);
      zoomAt(button.value === "in" ? 2 : 0.5, 0.5, 0.5);
    });
  }

  // --- Zoom ---

  // Keeps what lies at these shares of the canvas where it is.
  function zoomAt(factor, across, down) {
    const most = Math.max(4, Math.min(image.width, image.height) / CLOSEST);
    const zoom = clampTo(sight.zoom * factor, 1, most);
    const row = sight.row + (down * image.height) / sight.zoom;
    const column = sight.column + (across * image.width) / sight.zoom;
    moveSight(zoom, row - (down * image.height) / zoom, column - (across * image.width) / zoom);
  }

  function moveSight(zoom, row, column) {
    sight = {
      zoom,
      row: clampTo(row, 0, image.height - image.height / zoom),
      column: clampTo(column, 0, image.width - image.width / zoom),
    };
    // At its whole size a finger scrolls the page past the image; enlarged, it stays on the image.
    canvas.style.touchAction = zoom > 1 ? "none" : "pan-y";
    later();
  }

  // Whoever moves the pixel with the keyboard sees where it is.
  function bringIntoSight([row, column]) {
    const rows = image.height / sight.zoom, columns = image.width / sight.zoom;
    const inSight = row >= sight.row && row + 1 <= sight.row + rows;
    if (inSight && column >= sight.column && column + 1 <= sight.column + columns) return;
    moveSight(sight.zoom, row + 0.5 - rows / 2, column + 0.5 - columns / 2);
  }

  canvas.addEventListener("wheel", (event) => {
    if (!event.deltaY || (event.deltaY > 0 && sight.zoom === 1)) return; // nothing to zoom: the page scrolls
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    const steps = event.deltaY * (event.deltaMode ? 16 : 1) * (event.ctrlKey ? 0.01 : 0.0025);
    zoomAt(Math.exp(-steps), (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }, { passive: false });

  // --- Pointers ---

  // Row and column under the pointer, as fractions.
  function placeOf({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    return [
      sight.row + (((clientY - box.top) / box.height) * image.height) / sight.zoom,
      sight.column + (((clientX - box.left) / box.width) * image.width) / sight.zoom,
    ];
  }

  const cellOf = ([row, column]) => [
    clampTo(Math.floor(row), 0, image.height - 1),
    clampTo(Math.floor(column), 0, image.width - 1),
  ];

  // From one cell to another, both of them in it; at least two pixels a side.
  function boxBetween(one, other) {
    const sides = [image.height, image.width].map((length, axis) => {
      const size = Math.max(2, Math.abs(one[axis] - other[axis]) + 1);
      return [clampTo(Math.min(one[axis], other[axis]), 0, length - size), size];
    });
    return [sides[0][0], sides[1][0], sides[0][1], sides[1][1]];
  }

  const middleOf = ([top, left, height, width]) => [top + (height >> 1), left + (width >> 1)];

  function onBorder([row, column]) {
    if (!isPart()) return false;
    const [top, left] = windowAt(), { height, width } = explorer.window;
    const near = (NEAR * unit) / scaleNow();
    const across = column > left - near && column < left + width + near;
    const down = row > top - near && row < top + height + near;
    const beside = Math.min(Math.abs(row - top), Math.abs(row - top - height)) < near;
    const over = Math.min(Math.abs(column - left), Math.abs(column - left - width)) < near;
    return across && down && (beside || over);
  }

  const dragging = () => drags.find((radio) => radio.checked).value;

  function spread() {
    const [one, other] = pointers.values();
    return {
      distance: Math.max(1, Math.hypot(one.x - other.x, one.y - other.y)),
      clientX: (one.x + other.x) / 2, clientY: (one.y + other.y) / 2,
    };
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    canvas.setPointerCapture(event.pointerId);
    if (pointers.size === 2) {
      undo();
      const start = spread();
      gesture = { kind: "pinch", distance: start.distance, zoom: sight.zoom, place: placeOf(start) };
    } else if (pointers.size === 1) {
      const place = placeOf(event);
      const { pixel, box } = explorer.state;
      let kind = event.shiftKey || dragging() === "move" ? "move" : "box";
      if (kind === "box" && event.pointerType === "mouse" && onBorder(place)) {
        kind = "window";
        takeWindow(event);
      }
      gesture = { kind, moved: false, x: event.clientX, y: event.clientY, place, before: { pixel, box } };
    }
  });

  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") hover(event);
    const pointer = pointers.get(event.pointerId);
    if (!pointer || !gesture) return;
    pointer.x = event.clientX;
    pointer.y = event.clientY;
    if (gesture.kind === "pinch") return pinch();
    if (!gesture.moved) {
      const slop = event.pointerType === "touch" ? 10 : 3;
      if (Math.hypot(event.clientX - gesture.x, event.clientY - gesture.y) <= slop) return;
      gesture.moved = true;
    }
    if (gesture.kind === "window") moveWindow(event);
    else if (gesture.kind === "move") {
      const [row, column] = placeOf(event);
      moveSight(sight.zoom, sight.row + gesture.place[0] - row, sight.column + gesture.place[1] - column);
    } else {
      const box = boxBetween(cellOf(gesture.place), cellOf(placeOf(event)));
      explorer.set({ box, pixel: middleOf(box) }, { settled: false });
    }
  });

  function pinch() {
    if (pointers.size < 2) return;
    const now = spread(), box = canvas.getBoundingClientRect();
    const most = Math.max(4, Math.min(image.width, image.height) / CLOSEST);
    const zoom = clampTo((gesture.zoom * now.distance) / gesture.distance, 1, most);
    moveSight(
      zoom,
      gesture.place[0] - (((now.clientY - box.top) / box.height) * image.height) / zoom,
      gesture.place[1] - (((now.clientX - box.left) / box.width) * image.width) / zoom,
    );
  }

  canvas.addEventListener("pointerup", (event) => {
    if (!pointers.delete(event.pointerId) || !gesture) return;
    if (gesture.kind === "pinch") {
      if (!pointers.size) gesture = null;
    } else {
      if (!gesture.moved) explorer.set({ pixel: cellOf(gesture.place), box: null });
      else if (gesture.kind === "window") dropWindow();
      else if (gesture.kind === "box") explorer.set({});
      gesture = null;
    }
  });

  canvas.addEventListener("pointercancel", (event) => {
    pointers.delete(event.pointerId);
    undo();
    gesture = null;
  });

  // The page scrolled after all, or a second finger came: what the first one began is taken back.
  function undo() {
    if (gesture?.kind === "box" && gesture.moved) explorer.set(gesture.before);
    if (gesture?.kind === "window") { carried = null; later(); }
  }

  // Two fingers are for the image, not for the page.
  canvas.addEventListener("touchmove", (event) => {
    if (event.touches.length > 1) event.preventDefault();
  }, { passive: false });

  function hover(event) {
    const place = placeOf(event);
    if (!gesture) canvas.style.cursor = onBorder(place) && dragging() === "select" ? "move" : "";
    const inside = place[0] >= 0 && place[1] >= 0 && place[0] < image.height && place[1] < image.width;
    const cell = inside ? cellOf(place) : null, before = explorer.state.hover;
    if (cell ? before && cell[0] === before[0] && cell[1] === before[1] : !before) return;
    explorer.set({ hover: cell }, { settled: false });
  }

  canvas.addEventListener("pointerleave", () => {
    if (explorer.state.hover) explorer.set({ hover: null }, { settled: false });
  });

  new ResizeObserver(() => {
    if (!image || !canvas.clientWidth) return;
    unit = canvas.width / canvas.clientWidth;
    later();
  }).observe(canvas);

  return function update(changed) {
    const touched = (names) => names.some((name) => changed.has(name));
    if (changed.has("image")) {
      open();
      if (canvas.clientWidth) unit = canvas.width / canvas.clientWidth;
    }
    if (touched(COUNTED_BY)) report();
    if (touched(["image", "shown", "random", "cuts", "window"])) reportNetwork();
    if (touched(["image", "shown", "hover", "pixel"])) reportCursor();
    if (touched(["image", "window"])) showWindow();
    if (touched(["image", "threshold", "look", "opacity", "truth", "swipe", "overlay"])) showControls();
    if (touched(REPAINTED_BY)) {
      showLegend();
      paint();
    }
    const { pixel } = explorer.state;
    if (changed.has("pixel") && pixel && sight.zoom > 1 && !gesture) bringIntoSight(pixel);
    if (touched(REDRAWN_BY)) draw();
  };
}

const clampTo = (value, low, high) => Math.max(low, Math.min(high, value));
