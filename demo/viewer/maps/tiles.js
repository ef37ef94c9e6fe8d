// All maps of a site as small images, 256 at a time; one is reached with the Tab key, the others with arrows.

import { h } from "../lib/dom.js";
import { paintMap } from "../lib/color.js";
import { plural } from "../lib/format.js";

/** @import { Explorer, Maps } from "../types.js" */

const MOST_TILES = 256; // on the page at once

/**
 * @param {Explorer} explorer
 * @param {(channel: number) => string} textOf the number under a map, if any
 * @param {(channel: number | null) => void} describe a map that is pointed at, or none
 */
export function mapTiles(explorer, textOf, describe) {
  const grid = h("div", { class: "tiles", role: "group", "data-testid": "tiles" });
  const range = h("span");
  const back = h("button", { onclick: () => turn(start - MOST_TILES) }, "Before");
  const forth = h("button", { onclick: () => turn(start + MOST_TILES) }, "Next");
  const pages = h("div", { class: "row" }, back, range, forth);

  /** @type {ReturnType<typeof makeTile>[]} */
  const tiles = []; // reused from site to site
  /** @type {Maps | null} */
  let map = null;
  /** @type {number[]} */
  let order = []; // all channels, sorted
  let start = 0; // of the page
  let roving = 0; // channel whose tile the Tab key reaches

  /** @param {number} first of the page */
  function turn(first, focusable = order[first]) {
    start = first;
    roving = focusable;
    grid.scrollTop = 0;
    draw(true);
  }

  function makeTile() {
    const canvas = h("canvas", { "aria-hidden": "true" });
    const number = h("b"), value = h("small");
    const button = h("button", { tabindex: -1 }, canvas, h("span", {}, number, " ", value));
    return { button, canvas, number, value };
  }

  /** @param {boolean} paint */
  function draw(paint) {
    const { channel, shared } = explorer.state;
    const page = order.slice(start, start + MOST_TILES);
    if (!page.includes(roving)) roving = page[0];
    const focused = grid.matches(":focus-within");
    while (tiles.length < page.length) tiles.push(makeTile());
    if (grid.children.length !== page.length) {
      grid.replaceChildren(...tiles.slice(0, page.length).map(({ button }) => button));
    }
    page.forEach((own, i) => {
      const { button, canvas, number, value } = tiles[i];
      const text = textOf(own);
      button.dataset.channel = String(own);
      button.tabIndex = own === roving ? 0 : -1;
      button.setAttribute("aria-pressed", String(own === channel));
      button.setAttribute("aria-label", text ? `map ${own} ${text}` : `map ${own}`);
      if (!paint || !map) return;
      number.textContent = String(own);
      value.textContent = text;
      paintMap(canvas, map, own, explorer.palette, shared);
    });
    if (focused) focusTile(page.indexOf(roving));
    pages.hidden = order.length <= MOST_TILES;
    range.textContent = `${start + 1} to ${start + page.length} of ${plural(order.length, "map")}`;
    back.disabled = start === 0;
    forth.disabled = start + MOST_TILES >= order.length;
  }

  /** @param {number} index */
  function focusTile(index) {
    tiles.forEach(({ button }, i) => { button.tabIndex = i === index ? 0 : -1; });
    roving = order[start + index];
    tiles[index].button.focus();
  }

  /** @param {Event} event */
  const indexOf = ({ target }) => tiles.findIndex(({ button }) => button.contains(/** @type {Node} */ (target)));
  /** @param {Event} event */
  const channelAt = (event) => (indexOf(event) < 0 ? null : order[start + indexOf(event)]);

  grid.addEventListener("click", (event) => {
    const channel = channelAt(event);
    if (channel === null) return;
    roving = channel;
    explorer.set({ channel: roving === explorer.state.channel ? null : roving });
  });
  grid.addEventListener("keydown", (event) => {
    const count = grid.children.length;
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const at = indexOf(event);
    const to = {
      ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns, ArrowDown: at + columns, Home: 0, End: count - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to >= 0 && to < count) focusTile(to);
  });
  for (const kind of ["pointerover", "focusin"]) grid.addEventListener(kind, (event) => describe(channelAt(event)));
  for (const kind of ["pointerleave", "focusout"]) grid.addEventListener(kind, () => describe(null));

  return {
    parts: [grid, pages],
    hide() { grid.hidden = pages.hidden = true; },
    /** Another tile is the chosen one. */
    mark: () => draw(false),

    /**
     * @param {Maps} maps
     * @param {string} site
     * @param {number[]} sorted all channels
     * @param {boolean} fresh another site than before
     */
    show(maps, site, sorted, fresh) {
      const { channel } = explorer.state;
      map = maps;
      order = sorted;
      grid.hidden = site === "logits";
      grid.setAttribute("aria-label", `Maps of ${site}; arrow keys move, Enter opens`);
      grid.style.setProperty("--tile", map.channels <= 32 ? "4.4rem" : map.channels <= 64 ? "3.6rem" : "2.9rem");
      grid.classList.toggle("pixelated", map.height < 80);
      if (!fresh) draw(true);
      else turn(MOST_TILES * Math.floor(Math.max(0, order.indexOf(channel ?? -1)) / MOST_TILES), channel ?? order[0]);
    },
  };
}
