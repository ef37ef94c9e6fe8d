// The panels below the network, one open at a time.

import { h, uniqueName } from "./lib/dom.js";
import { takeButtons } from "./take/take.js";

/** @import { Explorer, Update } from "./types.js" */

export const TABS = [
  { name: "maps", title: "Maps" }, { name: "cut", title: "Cut" }, { name: "why", title: "Why" },
  { name: "values", title: "Values" }, { name: "compare", title: "Compare" }, { name: "touch", title: "Touch" },
  { name: "time", title: "Time" },
];
/** @type {Record<string, (i: number) => number>} */
const MOVES = { ArrowLeft: (i) => i - 1, ArrowRight: (i) => i + 1, Home: () => 0, End: () => -1 };

/**
 * A panel that is hidden is not drawn; when it opens, all of it is.
 * @param {Explorer} explorer
 * @param {string} tab the panel's
 * @param {Update} draw
 * @returns {Update}
 */
export function whileOpen(explorer, tab, draw) {
  let isStale = true;
  return (has) => {
    const isOpen = explorer.state.tab === tab;
    if (isOpen) draw(isStale ? () => true : has);
    isStale = !isOpen;
  };
}

/**
 * @param {Explorer} explorer
 * @param {Record<string, HTMLElement>} panels name of the tab -> what it opens
 */
export function panelTabs(explorer, panels) {
  const unique = uniqueName();
  const buttons = TABS.map(({ name, title }) => h("button", {
    role: "tab", id: `salt-tab-${name}-${unique}`, "aria-controls": `salt-panel-${name}-${unique}`,
    "data-testid": `tab-${name}`, onclick: () => explorer.open(name),
  }, title));
  const list = h("div", { class: "tab-list", role: "tablist", "aria-label": "What the network made of it", onkeydown: move }, buttons);
  TABS.forEach(({ name }, i) => {
    const values = { role: "tabpanel", id: `salt-panel-${name}-${unique}`, "aria-labelledby": buttons[i].id, tabindex: "0" };
    for (const [key, value] of Object.entries(values)) panels[name].setAttribute(key, value);
  });
  const row = h("div", { class: "tab-row" }, list, takeButtons(explorer, "", "the open panel", () => explorer.state.tab));
  const box = h("div", { class: "tabs" }, row, h("div", { class: "panels" }, Object.values(panels)));

  /** @param {KeyboardEvent} event */
  function move(event) {
    const step = MOVES[event.key];
    if (!step) return;
    event.preventDefault();
    const next = buttons.at(step(TABS.findIndex(({ name }) => name === explorer.state.tab)) % TABS.length);
    next?.click();
    next?.focus();
  }

  return {
    box,
    /** @type {Update} */
    update(has) {
      if (!has("tab")) return;
      TABS.forEach(({ name }, i) => {
        const isOpen = name === explorer.state.tab;
        panels[name].hidden = !isOpen;
        buttons[i].setAttribute("aria-selected", String(isOpen));
        buttons[i].tabIndex = isOpen ? 0 : -1;
      });
    },
  };
}
