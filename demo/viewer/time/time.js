// The network as it was during its run: a slider over the epochs that snapshots were kept of, and what formed.

import { epochCurves } from "./curves.js";
import { epochWords } from "../lib/format.js";
import { formedMaps } from "./formed.js";
import { h } from "../lib/dom.js";
import { panelAnswer } from "../lib/answer.js";
import { whileOpen } from "../tabs.js";

/** @import { Explorer, Update } from "../types.js" */

const EXAMPLE = "synthetic-run"; // the shipped weights with snapshots
const PLAY_EVERY = 400; // ms from an epoch to the next

/** @param {HTMLElement} host @param {Explorer} explorer @returns {Update} */
export function timePanel(host, explorer) {
  const play = h("button", { "data-testid": "epoch-play", onclick: () => (timer ? pause() : start()) });
  const name = h("h3", { "data-testid": "epoch-name" }), found = h("p", { "data-testid": "epoch-found" });
  const slider = h("input", {
    type: "range", min: 0, step: 1, "aria-label": "Epoch", "data-testid": "epoch",
    oninput: () => { stop(); choose(slider.valueAsNumber); },
  });
  const curves = epochCurves(explorer, (place) => { stop(); choose(place); });
  const formed = formedMaps(explorer, (place) => { stop(); choose(place); });
  const trouble = h("p", { class: "note", role: "alert", "data-testid": "epoch-problem" });
  const kept = h(
    "div", { class: "kept" },
    h("div", { class: "row head" }, play, name, found), trouble, slider, curves.box, formed.box,
    h("details", { class: "note" }, h("summary", {}, "How to read it"), h("p", {},
      "The slider stops where train.py --snapshots kept the network: often at first, seldom later, and last at the "
      + "finished network. Every mask is made at the finished network's temperature and at this threshold. Snapshots are "
      + "in half precision. Validation IoU is that of the run's validation tiles at threshold 0.50.")),
  );
  const example = h("a", { "data-testid": "epoch-example", target: "_self" }, "Open the example run");
  const none = h(
    "div", { "data-testid": "epoch-none" },
    h("p", {}, "No snapshots were kept of the run that made these weights, so nobody can see what they were before."),
    h("p", { class: "note" }, h("code", {}, "python train.py --snapshots"), " keeps them, in half precision, beside a "
      + "run's weights: before learning, and after up to 15 epochs."),
    h("p", {}, example),
  );
  host.append(kept, none);
  const answer = panelAnswer(explorer);
  let timer = 0, wasMoved = false;
  let played = 0; // the place that the timer came to

  /** The epochs that can be chosen; null is the finished network. @returns {(number | null)[]} */
  const places = () => [...explorer.network.epochs, null];
  const place = () => places().indexOf(explorer.state.epoch);

  /** @param {number} place @param {boolean} [settled] */
  function choose(place, settled = true) {
    wasMoved = true;
    explorer.set({ epoch: places()[place], random: false }, { settled });
  }

  /** @param {number} place */
  function playTo(place) {
    const isLast = place === places().length - 1;
    played = place;
    if (isLast) stop();
    choose(place, isLast);
  }

  /** From the beginning where it stands at the end. */
  function start() {
    timer = setInterval(() => (host.isConnected ? playTo(played + 1) : stop()), PLAY_EVERY);
    playTo(place() === places().length - 1 ? 0 : place() + 1);
    label();
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    label();
  }

  /** Maps and cuts follow. */
  function pause() {
    stop();
    explorer.set({});
  }

  function label() {
    play.textContent = timer ? "❚❚ Pause" : "▶ Play";
    play.setAttribute("aria-label", timer ? "Pause" : "Play the epochs");
  }

  function showSlider() {
    const { network: { learned }, state: { epoch } } = explorer, words = epochWords(epoch, learned);
    slider.max = String(places().length - 1);
    slider.valueAsNumber = place();
    slider.setAttribute("aria-valuetext", words);
    name.textContent = words[0].toUpperCase() + words.slice(1);
  }

  function showFound() {
    const words = curves.words();
    found.textContent = words || (explorer.epochsError ? "" : "is computed…");
    trouble.textContent = explorer.epochsError ?? "";
    trouble.hidden = !trouble.textContent;
    for (const part of [play, slider, curves.box, formed.box]) part.hidden = !trouble.hidden;
  }

  const question = () => (explorer.state.epoch === null && !wasMoved ? "" : `epoch ${explorer.state.epoch}`);
  const sentence = () => (curves.words() && question() ? `${name.textContent}: ${curves.words()}` : "");

  function linkExample() {
    const { weights, network: { others } } = explorer, address = new URL(location.href);
    example.hidden = weights === EXAMPLE || !others.some((one) => one.name === EXAMPLE);
    for (const name of ["threshold", "layer", "channel", "cuts", "other", "epoch"]) address.searchParams.delete(name);
    address.searchParams.set("weights", EXAMPLE);
    address.searchParams.set("tab", "time");
    example.href = address.href;
  }

  label();
  const draw = whileOpen(explorer, "time", (has) => {
    const isKept = explorer.network.epochs.length > 0;
    kept.hidden = !isKept;
    none.hidden = isKept;
    if (!isKept) return linkExample();
    const isAnew = has("image", "epochs", "window", "input");
    if (isAnew || has("threshold")) curves.draw();
    if (isAnew || has("epoch")) { showSlider(); curves.mark(); }
    if (isAnew || has("epoch", "threshold", "cuts")) showFound();
    formed.update(has);
  });

  return function update(has) {
    const isOpen = explorer.state.tab === "time";
    if (has("image")) wasMoved = false;
    if (timer && (has("image") || !isOpen || place() !== played)) pause(); // somebody chose another network meanwhile
    draw(has);
    if (!isOpen) { if (has("epoch", "tab")) { wasMoved = false; answer.give("", ""); } return; }
    if (has("tab", "image", "epoch", "epochs", "threshold", "cuts", "answer")) answer.give(question(), sentence());
  };
}
