// Cut the wire: what the network says without a skip or without its bottleneck, now and in every combination.
//
// All combinations come in one response (explorer.cuts), so choosing among them, counting and painting happen here.

import { cutCombinations } from "./combinations.js";
import { cutResult } from "./result.js";
import { h } from "../lib/dom.js";
import { panelAnswer } from "../lib/answer.js";

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
  const invitation = h("p", { class: "note", "data-testid": "cut-invite" },
    "Cut a part above, or choose a combination below, to see what changes.");
  const result = cutResult(explorer, ready);
  const combinations = cutCombinations(explorer, ready);
  const answer = panelAnswer(explorer);

  host.append(
    toggles,
    h("div", { class: "cut-options" },
      h("label", { class: "cut-field" }, h("span", {}, "In place of what is cut"), fill), result.over),
    invitation, pending, result.box, ...combinations.parts,
    h("p", { class: "note" }, "This shows what this network relies on, not what one trained without skips would learn."),
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
      }, "Put back"),
    );
    fill.replaceChildren(
      h("option", { value: "zero" }, "zero"),
      h("option", { value: "mean" }, "the mean of each channel"),
      h("optgroup", { label: "what another image has there" },
        ...samples.map((name) => h("option", { value: name }, name))),
    );
    combinations.build();
  }

  function show() {
    const { cuts } = explorer.state;
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (toggles.querySelectorAll("[data-part]"))) {
      button.setAttribute("aria-pressed", String(cuts.includes(button.dataset.part ?? "")));
    }
    fill.value = explorer.state.fill;
    combinations.label();
    invitation.hidden = cuts.length > 0;
    pending.hidden = Boolean(ready());
    pending.textContent = explorer.cutsError ?? "What every combination gives is computed…";
    result.draw();
  }

  function question() {
    const { cuts, fill: instead } = explorer.state;
    return cuts.length ? `${cuts}; ${instead}` : "";
  }

  return function update(has) {
    result.follow();
    const network = JSON.stringify([explorer.network.parts, explorer.network.samples]);
    const rebuilt = network !== built;
    if (rebuilt) {
      built = network;
      build();
    }
    const fresh = rebuilt || has("image", "window", "cuts", "fill", "random", "tta");
    if (fresh) show();
    const changed = fresh || has("threshold");
    if (changed) answer.give(question(), result.report(combinations.currentGround()));
    else if (has("answer")) answer.follow();
    combinations.follow(!host.hidden, changed);
  };
}
