// Playback: the forward pass through the U, block by block; it plays, pauses and goes by steps.

import { h, svg } from "../lib/dom.js";
import { passageWords, sourcesOf, strongestMap } from "./passage.js";

/** @import { Explorer, Update } from "../types.js" */

const DWELL = 1800; // ms at a block: its sentence has to be read

/** @type {Record<string, string>} */
const SHAPES = {
  back: "M-4 -5V5M5 -5V5L-3 0Z", play: "M-4 -6V6L6 0Z", pause: "M-3.5 -5V5M3.5 -5V5", step: "M4 -5V5M-5 -5V5L3 0Z",
  stop: "M-4 -4H4V4H-4Z",
};

/**
 * @param {Explorer} explorer
 * @param {() => void} show draws the U anew, after another block is the one in sight
 */
export function networkPlayback(explorer, show) {
  const stillness = matchMedia("(prefers-reduced-motion: reduce)");
  let at = -1; // which site of the forward pass is in sight; none at -1
  let timer = 0; // while it plays

  /** @param {string} name @param {string} words @param {() => void} onclick */
  function control(name, words, onclick) {
    const path = svg("path", { d: SHAPES[name] });
    const testid = name === "play" ? "play" : `play-${name}`;
    const button = h("button", { "data-testid": testid, "aria-label": words, title: words, onclick },
      svg("svg", { viewBox: "-10 -10 20 20", "aria-hidden": "true" }, path));
    return { button, path };
  }
  const back = control("back", "One block back", () => stepBy(-1));
  const play = control("play", "Play the forward pass", toggle);
  const step = control("step", "One block forward", () => stepBy(1));
  const stop = control("stop", "End the playback", () => {
    rest();
    (stillness.matches ? step : play).button.focus(); // this one goes away
  });
  const controls = h("div", { class: "playback", role: "group", "aria-label": "Playback of the forward pass" },
    back.button, play.button, step.button, stop.button);
  const status = h("p", { class: "purpose note", "data-testid": "play-status" });
  const bar = h("div", { class: "playback-bar" }, controls, status);

  const site = () => explorer.network.sites[at];
  /** Whether the forward pass has not come to a site yet. @param {string} name */
  const isAhead = (name) => at >= 0 && explorer.network.sites.findIndex((one) => one.name === name) > at;

  /** To a block, or away from the last one. @param {number} to */
  function go(to) {
    at = to;
    write();
    if (at >= 0) explorer.say(status.textContent ?? "");
    show();
  }

  /** Before the first block and after the last one lies the rest. @param {number} by */
  function move(by) {
    const { length } = explorer.network.sites;
    go(((at + 1 + by + length + 1) % (length + 1)) - 1);
  }

  /** @param {number} by */
  function stepBy(by) {
    pause();
    move(by);
  }

  function toggle() {
    if (timer) { pause(); write(); } else advance();
  }

  function advance() {
    timer = 0;
    if (!controls.isConnected) return;
    const isLast = at === explorer.network.sites.length - 1;
    if (!isLast) timer = setTimeout(advance, DWELL);
    move(1);
    if (at === explorer.network.sites.length - 1) { pause(); write(); } // all is lit: one may look at it
  }

  function pause() {
    clearTimeout(timer);
    timer = 0;
  }

  function rest() {
    pause();
    if (at >= 0) go(-1);
  }

  /** What the controls and the sentence say. */
  function write() {
    const isPlaying = timer > 0;
    play.path.setAttribute("d", SHAPES[isPlaying ? "pause" : "play"]);
    const words = isPlaying ? "Pause" : "Play the forward pass";
    play.button.setAttribute("aria-label", words);
    play.button.title = words;
    play.button.hidden = stillness.matches;
    stop.button.classList.toggle("away", at < 0);
    bar.classList.toggle("resting", at < 0);
    status.textContent = at < 0 ? "The forward pass, block by block." : passageWords(explorer, site());
  }

  /** The strongest map, which stands for the block in sight; null where none does. */
  function strongest() {
    const map = at >= 0 && site().name !== "logits" ? explorer.maps?.sites[site().name] : null;
    return map ? strongestMap(map) : null;
  }

  /** It outlives the page's viewers, so each of them leaves it. */
  function followStillness() {
    if (!bar.isConnected) return stillness.removeEventListener("change", followStillness);
    if (stillness.matches) pause();
    write();
  }

  stillness.addEventListener("change", followStillness);
  write();

  return {
    bar, status, strongest, isAhead,
    /** Whether somebody can see the controls, and so is looking. */
    isInSight() {
      const { top, bottom } = controls.getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    },
    /** The name of the block in sight; null at rest. */
    current: () => (at < 0 ? null : site().name),
    /** How a wire looks: what feeds the block in sight is lit. @param {string} from @param {string} to */
    wireLook(from, to) {
      if (site().name === to && sourcesOf(explorer.network.sites)[to].includes(from)) return "lit";
      return isAhead(to) ? "ahead" : "";
    },
    /** @type {Update} */
    update(has) {
      if (has("image", "window")) rest();
      else if (at >= 0 && has("maps", "cuts", "fill")) write();
    },
  };
}
