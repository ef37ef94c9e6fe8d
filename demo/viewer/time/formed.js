// One map as it formed: after every epoch that is kept, side by side.

import { checkbox, h, setCurrent } from "../lib/dom.js";
import { epochWords, significant } from "../lib/format.js";
import { mapScale, paintMap } from "../lib/color.js";

/** @import { Explorer, Maps, Update } from "../types.js" */

/** @param {Explorer} explorer @param {(place: number) => void} choose */
export function formedMaps(explorer, choose) {
  const site = h("select", { "data-testid": "formed-site", onchange: () => open(site.value, 0) });
  const channel = h("input", {
    type: "number", min: 0, step: 1, "data-testid": "formed-channel",
    onchange: () => (channel.value && channel.checkValidity() ? open(site.value, channel.valueAsNumber) : show()),
  });
  const number = h("label", {}, "map", channel);
  const shared = checkbox("formed-shared", () => paint());
  const scale = h("label", {}, shared, "One scale");
  const status = h("span", { class: "note", "data-testid": "formed-status" });
  const list = h("div", { class: "epochs", role: "group", "aria-label": "The map after each epoch" });
  const box = h("div", { class: "formed" },
    h("div", { class: "row" }, h("label", {}, "Formed", site), number, scale, status), list);

  /** @type {{ button: HTMLButtonElement, canvas: HTMLCanvasElement }[]} */
  let tiles = []; // one for each place of the slider
  let built = "";
  /** @type {{ question: string, maps: Maps } | null} */
  let known = null;
  let error = "";

  /** @param {string} name @param {number} channel */
  const open = (name, channel) => explorer.set(name === "logits" ? { layer: null, channel: null } : { layer: name, channel });

  /** Which map is wanted; null is the probability. */
  function wanted() {
    const { layer, channel } = explorer.state;
    return layer && layer !== "logits" ? { site: layer, channel: channel ?? 0 } : null;
  }

  const question = () => {
    const { image: { key }, window: { top, left }, input } = explorer;
    return JSON.stringify([key, top, left, input, wanted()]);
  };

  function build() {
    const { sites, epochs, learned } = explorer.network, key = JSON.stringify([sites, epochs, learned]);
    if (key === built) return;
    built = key;
    site.replaceChildren(h("option", { value: "logits" }, "Probability of salt"), ...sites
      .filter(({ name }) => name !== "logits").map(({ name }) => h("option", { value: name }, name)));
    tiles = [...epochs, null].map((epoch, place) => {
      const canvas = h("canvas", { "aria-hidden": "true" });
      const button = h("button", {
        "data-testid": `formed-${epoch ?? "finished"}`, "aria-label": epochWords(epoch, learned),
        onclick: () => choose(place),
      }, canvas, h("small", {}, String(epoch ?? learned)));
      return { button, canvas };
    });
    list.replaceChildren(...tiles.map(({ button }) => button));
    list.style.setProperty("--columns", String(Math.ceil(tiles.length / 2)));
  }

  /** The probabilities as maps of one scale. @returns {Maps | null} */
  function probabilityMaps() {
    const { epochs, network, window: { height, width } } = explorer;
    if (!epochs) return null;
    const size = height * width, places = [...network.epochs, null];
    const values = new Uint8Array(size * places.length);
    places.forEach((epoch, place) => {
      values.set(Uint8Array.from(epochs.probability(epoch), (value) => Math.round(255 * value)), size * place);
    });
    const low = new Float32Array(places.length), high = new Float32Array(places.length).fill(1);
    return { values, low, high, channels: places.length, height, width };
  }

  async function load() {
    const asked = question(), map = wanted();
    error = "";
    if (known?.question === asked) return paint();
    if (!map) {
      const maps = probabilityMaps();
      known = maps && { question: asked, maps };
      return paint();
    }
    try {
      const { maps } = await explorer.request({ kind: "formed", ...map, epoch: null, random: false });
      if (asked === question()) known = { question: asked, maps };
    } catch (problem) {
      if (asked === question()) error = /** @type {Error} */ (problem).message;
    }
    if (asked === question()) paint();
  }

  function paint() {
    const isKnown = known?.question === question(), map = wanted();
    list.setAttribute("aria-busy", String(!isKnown));
    const waiting = explorer.epochsError ? "" : "is computed…";
    status.textContent = error || (isKnown ? scaleWords() : waiting);
    if (!known || !isKnown) return;
    const { maps } = known;
    tiles.forEach(({ canvas }, place) => {
      canvas.classList.toggle("pixelated", maps.width < 60);
      canvas.style.setProperty("--ratio", String(maps.width / maps.height));
      paintMap(canvas, maps, place, explorer.palette, map !== null && shared.checked);
    });
  }

  /** What the colours mean. */
  function scaleWords() {
    const maps = known?.maps;
    if (!maps) return "";
    const { signed, limit } = mapScale(maps), from = signed ? significant(-limit) : "0";
    if (!wanted()) return "dark blue 0, yellow 1";
    return shared.checked ? `${signed ? "blue" : "dark blue"} ${from}, ${signed ? "orange" : "yellow"} ${significant(limit)}`
      : "each in its own scale";
  }

  /** What is chosen. */
  function show() {
    const map = wanted(), { sites } = explorer.network;
    site.value = map?.site ?? "logits";
    number.hidden = scale.hidden = !map;
    if (map) {
      channel.max = String((sites.find(({ name }) => name === map.site)?.channels ?? 1) - 1);
      channel.value = String(map.channel);
    }
  }

  return {
    box,
    /** @type {Update} */
    update(has) {
      if (has("image")) build();
      if (has("image", "layer", "channel")) show();
      if (has("image", "epoch")) {
        const chosen = [...explorer.network.epochs, null].indexOf(explorer.state.epoch);
        tiles.forEach(({ button }, place) => setCurrent(button, place === chosen));
      }
      if (has("image", "layer", "channel", "window", "rest") || (has("epochs") && !wanted())) load();
      else if (has("input", "epochs")) paint();
    },
  };
}
