// The controls at the image; each has a key or a gesture that does the same.

import { clamp } from "../lib/region.js";
import { draggable, followInput } from "../lib/gestures.js";
import { isCompared } from "./painting.js";

/** @import { Explorer } from "../types.js" */
/** @import { ImageElements } from "./elements.js" */

/** As a threshold is written: two digits, or all of them. @param {number} value */
const decimals = (value) => (Number(value.toFixed(2)) === value ? value.toFixed(2) : String(value));

/** @param {ImageElements} elements @param {Explorer} explorer */
export function imageControls(elements, explorer) {
  const { threshold, exact, looks, opacity, truth, plain, swipe, tta, wide, over, canvas, divider } = elements;
  followInput(explorer, threshold, () => ({ threshold: threshold.valueAsNumber }));
  followInput(explorer, opacity, () => ({ opacity: opacity.valueAsNumber }));
  followInput(explorer, swipe, () => ({ swipe: swipe.valueAsNumber }));
  followInput(explorer, exact, () => {
    const value = exact.valueAsNumber;
    return value >= 0 && value <= 1 ? { threshold: value } : null;
  });
  exact.addEventListener("blur", () => { exact.value = decimals(explorer.state.threshold); });
  for (const radio of looks) radio.addEventListener("change", () => explorer.set({ look: radio.value }));
  truth.addEventListener("change", () => explorer.set({ truth: truth.checked }));
  tta.addEventListener("change", () => explorer.set({ tta: tta.checked }));
  wide.addEventListener("click", () => explorer.set({ wide: !explorer.state.wide }));
  plain.addEventListener("change", () => explorer.set({ swipe: plain.checked ? 0.5 : null }));
  elements.original.addEventListener("click", () => {
    explorer.set({ edits: "" });
    canvas.focus({ preventScroll: true }); // the button goes away
  });
  over.lastElementChild?.addEventListener("click", () => explorer.set({ overlay: null }));

  // Handles are elements over the canvas: a finger can drag them where the image itself would scroll the page.
  const swipeTo = (/** @type {PointerEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    explorer.set({ swipe: clamp((event.clientX - box.left) / box.width, 0, 1) }, { settled: false });
  };
  draggable(divider, { start: swipeTo, move: swipeTo, end: () => explorer.set({}), cancel: () => {} });

  return function show() {
    const { state, image, network } = explorer;
    const isLarge = Math.max(image.height, image.width) > network.window;
    threshold.value = String(state.threshold);
    if (!exact.matches(":focus")) exact.value = decimals(state.threshold); // not under the fingers of somebody who types
    opacity.value = String(state.opacity);
    opacity.disabled = state.look === "contour" && !state.overlay && !isCompared(explorer); // nothing but lines
    for (const radio of looks) radio.checked = radio.value === state.look;
    elements.truthLabel.hidden = !image.truth;
    truth.checked = state.truth;
    plain.checked = state.swipe !== null;
    elements.swipeLabel.hidden = divider.hidden = state.swipe === null;
    if (state.swipe !== null) {
      swipe.value = String(state.swipe);
      divider.style.left = `${100 * state.swipe}%`;
    }
    tta.checked = state.tta;
    wide.hidden = !isLarge;
    wide.setAttribute("aria-pressed", String(state.wide));
    canvas.closest(".salt-viewer")?.classList.toggle("wide", state.wide && isLarge);
    over.hidden = !state.overlay;
    if (state.overlay && over.firstElementChild) {
      over.firstElementChild.textContent = `Over the image: ${state.overlay.label}.`;
    }
  };
}
