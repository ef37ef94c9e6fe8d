// One canvas for both front ends: a picture, its salt, and a threshold that follows the finger.
//
// view(root, data, callbacks) builds the viewer in `root` the first time and brings it up to date after that.
// `data` is what demo/core.py:viewer_data makes.  callbacks.threshold(value) is called when the handle is let go
// and never while it moves: all drawing and counting happens here.

const viewers = new WeakMap();

export function view(root, data, callbacks) {
  if (!viewers.has(root)) viewers.set(root, build(root));
  viewers.get(root)(data, callbacks);
}

// Streamlit's way in (a v2 component); Gradio calls view() itself.
export default function ({ parentElement, data, setStateValue }) {
  view(parentElement, data, { threshold: (value) => setStateValue("threshold", value) });
}

const MARKUP = `
  <div class="stage">
    <canvas data-testid="salt-viewer" role="img"></canvas>
  </div>
  <p class="line">
    <output data-testid="salt-readout" class="readout"></output>
    <span class="cursor" data-testid="salt-cursor"></span>
  </p>
  <p class="spoken" role="status"></p>
  <label class="row"><span>Threshold</span>
    <span class="track">
      <input type="range" min="0" max="1" step="0.01" data-testid="salt-threshold">
      <span class="mark" hidden></span>
    </span>
  </label>
  <label class="row"><span>Opacity</span>
    <input type="range" min="0" max="1" step="0.05" value="0.45" data-testid="salt-opacity">
  </label>
  <div class="choices">
    <div role="radiogroup" aria-label="Show salt as" class="segments">
      <label><input type="radio" value="fill" checked><span>Fill</span></label>
      <label><input type="radio" value="contour"><span>Contour</span></label>
      <label><input type="radio" value="heat"><span>Heat map</span></label>
    </div>
    <label class="truth"><input type="checkbox" data-testid="salt-truth"><span>Ground truth</span></label>
    <span class="scale" hidden><span>0</span><canvas width="256" height="1" aria-hidden="true"></canvas><span>1</span>
      <span class="meaning">probability of salt</span></span>
  </div>`;

const TRUTH = [86, 180, 233]; // sky blue: apart from the salt's orange for every kind of colour vision

function build(root) {
  const box = document.createElement("div");
  box.className = "salt-viewer";
  box.innerHTML = MARKUP;
  root.appendChild(box);
  const find = (selector) => box.querySelector(selector);
  const canvas = find("[data-testid=salt-viewer]");
  const readout = find("[data-testid=salt-readout]");
  const cursor = find(".cursor");
  const spoken = find(".spoken");
  const slider = find("[data-testid=salt-threshold]");
  const opacity = find("[data-testid=salt-opacity]");
  const truthBox = find("[data-testid=salt-truth]");
  const radios = [...box.querySelectorAll("[type=radio]")];
  const groupName = `salt-view-${Math.random().toString(36).slice(2)}`;
  for (const radio of radios) radio.name = groupName; // a page may hold two viewers

  let picture = null; // what the data hold, decoded once per key
  let threshold = 0.5; // kept beside the slider, which rounds to its steps
  let revision = null;
  let frame = 0;
  let notify = () => {};

  const shown = () => radios.find((radio) => radio.checked).value;

  function update(data, callbacks) {
    notify = callbacks?.threshold ?? (() => {});
    const fresh = picture?.key !== data.key;
    if (fresh) open(data);
    // The same revision means that Python only repeats what it heard from here, perhaps late: the hand is right.
    if (revision !== data.revision) {
      revision = data.revision;
      threshold = data.threshold;
      slider.value = threshold;
    } else if (!fresh) return;
    draw();
    speak();
  }

  function open(data) {
    const { key, name, height, width } = data;
    picture = {
      key, name, height, width,
      grey: bytes(data.picture),
      probability: new Float32Array(bytes(data.probability).buffer),
      truth: data.truth ? bytes(data.truth) : null,
      palette: bytes(data.palette),
      salt: data.salt,
      // Every pixel a square of `zoom` device pixels: edges stay sharp and the outline can run between pixels.
      zoom: Math.max(1, Math.min(8, Math.floor(1024 / Math.max(height, width)))),
      highest: 0,
    };
    for (const value of picture.probability) if (value > picture.highest) picture.highest = value;
    picture.image = new ImageData(width, height);
    picture.small = new OffscreenCanvas(width, height);
    canvas.width = width * picture.zoom;
    canvas.height = height * picture.zoom;
    canvas.style.imageRendering = picture.zoom > 1 ? "pixelated" : "auto";
    canvas.style.aspectRatio = `${width} / ${height}`;
    find(".truth").hidden = !picture.truth;
    const mark = find(".mark");
    mark.hidden = data.chosen == null;
    mark.style.setProperty("--at", data.chosen);
    mark.title = `the threshold these weights were given: ${data.chosen?.toFixed(2)}`;
    drawScale();
    cursor.textContent = "";
  }

  function drawScale() {
    const context = find(".scale canvas").getContext("2d");
    const strip = new ImageData(256, 1);
    for (let i = 0; i < 256; i++) strip.data.set([...picture.palette.subarray(3 * i, 3 * i + 3), 255], 4 * i);
    context.putImageData(strip, 0, 0);
  }

  // One pass over the pixels colours and counts; the rule is Python's: salt is what lies above, in float32.
  function draw() {
    cancelAnimationFrame(frame);
    frame = 0;
    const { width, height, zoom, grey, probability, palette, salt, truth } = picture;
    const limit = Math.fround(threshold);
    const look = shown();
    const alpha = look === "contour" ? 0 : Number(opacity.value);
    const target = picture.image.data;
    let count = 0;
    for (let i = 0, j = 0; i < probability.length; i++, j += 4) {
      const value = probability[i];
      const isSalt = value > limit;
      if (isSalt) count++;
      let red = grey[i], green = red, blue = red;
      if (look === "heat") {
        const k = 3 * Math.round(255 * value);
        red += alpha * (palette[k] - red);
        green += alpha * (palette[k + 1] - green);
        blue += alpha * (palette[k + 2] - blue);
      } else if (isSalt) {
        red += alpha * (salt[0] - red);
        green += alpha * (salt[1] - green);
        blue += alpha * (salt[2] - blue);
      }
      target[j] = red; target[j + 1] = green; target[j + 2] = blue; target[j + 3] = 255;
    }
    picture.small.getContext("2d").putImageData(picture.image, 0, 0);
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(picture.small, 0, 0, width * zoom, height * zoom);
    if (look !== "fill") stroke(context, outline(width, height, zoom, (i) => probability[i] > limit), salt, zoom);
    if (truth && truthBox.checked) stroke(context, outline(width, height, zoom, (i) => truth[i] > 0), TRUTH, zoom);
    find(".scale").hidden = look !== "heat";
    report(count);
  }

  const later = () => { frame ||= requestAnimationFrame(draw); };

  function report(count) {
    const share = (100 * count) / picture.probability.length;
    const start = `threshold ${threshold.toFixed(2)} · salt ${share.toFixed(1)} %`;
    readout.textContent = count
      ? `${start} · ${count.toLocaleString("en")} pixels`
      : `${start} · nothing passes the threshold; highest probability ${picture.highest.toFixed(2)}`;
    canvas.setAttribute(
      "aria-label",
      `${picture.name}, ${picture.height} rows by ${picture.width} columns; ${readout.textContent}`,
    );
    slider.setAttribute("aria-valuetext", readout.textContent);
  }

  const speak = () => { spoken.textContent = readout.textContent; };

  slider.addEventListener("input", () => { threshold = slider.valueAsNumber; later(); });
  slider.addEventListener("change", () => {
    threshold = slider.valueAsNumber;
    draw();
    speak();
    notify(threshold);
  });
  opacity.addEventListener("input", later);
  truthBox.addEventListener("change", later);
  for (const radio of radios) radio.addEventListener("change", later);

  canvas.addEventListener("pointermove", (event) => {
    const frameBox = canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - frameBox.top) / frameBox.height) * picture.height);
    const column = Math.floor(((event.clientX - frameBox.left) / frameBox.width) * picture.width);
    if (row < 0 || column < 0 || row >= picture.height || column >= picture.width) return;
    const i = row * picture.width + column;
    const truth = picture.truth ? (picture.truth[i] ? " · truth: salt" : " · truth: no salt") : "";
    cursor.textContent = `row ${row}, column ${column}: probability ${picture.probability[i].toFixed(2)}${truth}`;
  });
  canvas.addEventListener("pointerleave", () => { cursor.textContent = ""; });

  return update;
}

// The border of a region along the edges between pixels; runs are joined, and the picture's own edge is left open.
function outline(width, height, zoom, inside) {
  const path = new Path2D();
  for (let row = 1; row < height; row++) {
    for (let column = 0, from = -1; column <= width; column++) {
      const i = row * width + column;
      const edge = column < width && inside(i) !== inside(i - width);
      if (edge && from < 0) from = column;
      if (!edge && from >= 0) { line(path, from, row, column, row, zoom); from = -1; }
    }
  }
  for (let column = 1; column < width; column++) {
    for (let row = 0, from = -1; row <= height; row++) {
      const i = row * width + column;
      const edge = row < height && inside(i) !== inside(i - 1);
      if (edge && from < 0) from = row;
      if (!edge && from >= 0) { line(path, column, from, column, row, zoom); from = -1; }
    }
  }
  return path;
}

function line(path, fromColumn, fromRow, toColumn, toRow, zoom) {
  path.moveTo(fromColumn * zoom, fromRow * zoom);
  path.lineTo(toColumn * zoom, toRow * zoom);
}

// Black under colour: visible on black, on white and on every grey between.
function stroke(context, path, color, zoom) {
  context.lineCap = "square";
  context.lineWidth = Math.max(3, zoom);
  context.strokeStyle = "black";
  context.stroke(path);
  context.lineWidth = Math.max(1.5, 0.5 * zoom);
  context.strokeStyle = `rgb(${color})`;
  context.stroke(path);
}

function bytes(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
