// Cut the wire: what the network says without a skip or without its bottleneck, now and in every combination.
//
// All combinations come in one response (explorer.cuts), so choosing among them, counting and painting happen here.

import { cutCombinations } from "./combinations.js";
import { cutResult } from "./result.js";
import { h } from "../lib/dom.js";

/** @import { Explorer, Update } from "../types.js" */

/** @param {HTMLElement} host @param {Explorer} explorer @returns {Update} */
export function cutsPanel(host, explorer) {
  const ready = () => {
    const { cuts, window } = explorer;
    return cuts && cuts.height === window.height && cuts.width === window.width ? cuts : null;
  };
  const toggles = h("div", { class: "cut-buttons", role: "group", "aria-label": "Cut" });
  const fill = h("select", { "data-testid": "cut-fill", onchange: () => explorer.set({ fill: fill.value }) });
  const pending = h("p", { class: "note", "data-testid": "cut-pending" });
  const result = cutResult(explorer, ready);
  const combinations = cutCombinations(explorer, ready);

  host.append(
    h("h3", {}, "Cut the wire"),
    h("p", { class: "note" }, "What the network says without a skip or without its bottleneck. This shows what this "
      + "network relies on, not what one trained without skips would learn."),
    toggles,
    h("label", { class: "cut-field" }, h("span", {}, "In place of what is cut"), fill),
    pending, ...result.parts, ...combinations.parts,
  );

  let built = ""; // the network and the samples that buttons and cells were made for

  function build() {
    const { parts, samples } = explorer.network;
    toggles.replaceChildren(
      ...parts.map((name) => h("button", {
        class: "cut-toggle", "data-testid": `toggle-${name}`, "data-part": name,
        onclick: () => explorer.toggleCut(name),
      }, name)),
      h("button", {
        class: "cut-none", "data-testid": "cut-none", onclick: () => explorer.set({ cuts: [] }),
      }, "put back"),
    );
    fill.replaceChildren(
      h("option", { value: "zero" }, "zero"),
      h("option", { value: "mean" }, "the mean of each channel"),
      h("optgroup", { label: "what another image has there" },
        ...samples.map((name) => h("option", { value: name }, name))),
    );
    result.build();
    combinations.build();
  }

  function show() {
    const { cuts } = explorer.state;
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (toggles.querySelectorAll("[data-part]"))) {
      button.setAttribute("aria-pressed", String(cuts.includes(button.dataset.part ?? "")));
    }
    fill.value = explorer.state.fill;
    combinations.label();
    pending.hidden = Boolean(ready());
    pending.textContent = explorer.cutsError ?? "What every combination gives is computed…";
    result.drawDifference();
  }

  return function update(has) {
    result.follow();
    const network = JSON.stringify([explorer.network.parts, explorer.network.samples]);
    const rebuilt = network !== built;
    if (rebuilt) {
      built = network;
      build();
    }
    const fresh = rebuilt || has("image", "window", "cuts", "fill", "random");
    if (!fresh && !has("threshold")) return;
    if (fresh) show();
    result.report(combinations.currentGround());
    combinations.paintSoon();
  };
}
