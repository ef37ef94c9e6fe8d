// All maps of a site as small images, 256 at a time; one is reached with the Tab key, the others with arrows.

import { h } from "../lib/dom.js";
import { clamp } from "../lib/region.js";
import { paintMap } from "../lib/color.js";
import { plural } from "../lib/format.js";

/** @import { Explorer, Maps } from "../types.js" */

const MOST_TILES = 256; // on the page at once
const PAINTED_TILES = 48; // in one frame, those in sight first

/**
 * @param {Explorer} explorer
 * @param {(channel: number) => string} textOf the number under a map, if any
 * @param {(channel: number | null) => void} describe a map that is pointed at, or none
 * @param {(event: MouseEvent, picture: Element) => boolean} pick whether a click on a map's picture means a place in it
 */
export function mapTiles(explorer, textOf, describe, pick) {
  const grid = h("div", { class: "tiles", role: "group", "data-testid": "tiles" });
  const range = h("span");
  const back = h("button", { onclick: () => turn(start - MOST_TILES) }, "Before");
  const forth = h("button", { onclick: () => turn(start + MOST_TILES) }, "Next");
  const pages = h("div", { class: "row" }, back, range, forth);
  const box = h("div", { class: "all" }, grid, pages);

  /** @type {ReturnType<typeof makeTile>[]} */
  const tiles = []; // reused from site to site
  /** @type {Maps | null} */
  let map = null;
  /** @type {number[]} */
  let order = []; // all channels, sorted
  let start = 0; // of the page
  let roving = 0; // channel whose tile the Tab key reaches
  let painting = 0; // frame in which the next tiles are painted

  /** @param {number} first of the page */
  function turn(first, focusable = order[first]) {
    start = first;
    roving = focusable;
    draw(true);
    grid.scrollTop = 0;
    showChosen();
    paintPage();
  }

  function makeTile() {
    const canvas = h("canvas", { "aria-hidden": "true" });
    const number = h("b"), value = h("small");
    const button = h("button", { tabindex: -1 }, canvas, h("span", {}, number, " ", value));
    return { button, canvas, number, value };
  }

  /** @param {boolean} renewed whether the tiles stand for other maps or numbers than before */
  function draw(renewed) {
    const { channel } = explorer.state;
    const page = order.slice(start, start + MOST_TILES);
    if (!page.includes(roving)) roving = page[0];
    const focused = grid.matches(":focus-within");
    while (tiles.length < page.length) tiles.push(makeTile());
    if (grid.children.length !== page.length) {
      grid.replaceChildren(...tiles.slice(0, page.length).map(({ button }) => button));
    }
    page.forEach((own, i) => {
      const { button, number, value } = tiles[i];
      const text = textOf(own);
      button.dataset.channel = String(own);
      button.tabIndex = own === roving ? 0 : -1;
      button.setAttribute("aria-pressed", String(own === channel));
      button.setAttribute("aria-label", text ? `map ${own} ${text}` : `map ${own}`);
      if (!renewed) return;
      number.textContent = String(own);
      value.textContent = text;
    });
    if (focused) focusTile(page.indexOf(roving));
    pages.hidden = order.length <= MOST_TILES;
    range.textContent = `${start + 1} to ${start + page.length} of ${plural(order.length, "map")}`;
    back.disabled = start === 0;
    forth.disabled = start + MOST_TILES >= order.length;
  }

  const paintPage = () => paint(Math.max(0, tiles.findIndex(isInSight)), grid.children.length);

  /** Some tiles at once, the others a frame later. @param {number} first @param {number} count */
  function paint(first, count) {
    cancelAnimationFrame(painting);
    const shown = grid.children.length;
    for (let i = first; map && i < first + Math.min(count, PAINTED_TILES); i++) {
      paintMap(tiles[i % shown].canvas, map, order[start + (i % shown)], explorer.palette, explorer.state.shared);
    }
    if (count <= PAINTED_TILES) return;
    painting = requestAnimationFrame(() => paint(first + PAINTED_TILES, count - PAINTED_TILES));
  }

  /** @param {ReturnType<typeof makeTile>} tile */
  const isInSight = ({ button }) => button.offsetTop + button.offsetHeight > grid.scrollTop;

  /** Scrolls the grid alone: the page stays where it is. */
  function showChosen() {
    const tile = tiles.find(({ button }) => grid.contains(button) && button.ariaPressed === "true");
    if (!tile) return;
    const { offsetTop, offsetHeight } = tile.button;
    grid.scrollTop = clamp(grid.scrollTop, offsetTop + offsetHeight - grid.clientHeight, offsetTop);
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
    if (channel === null || (event.target instanceof HTMLCanvasElement && pick(event, event.target))) return;
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
    box,
    hide() { box.hidden = true; },
    /** Another tile is the chosen one. */
    mark() {
      draw(false);
      showChosen();
    },

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
      box.hidden = site === "logits"; // its one map stands there enlarged
      if (box.hidden) return;
      grid.setAttribute("aria-label", `Maps of ${site}; arrow keys move, Enter opens`);
      grid.style.setProperty("--ratio", String(map.width / map.height));
      grid.style.setProperty("--tile", map.channels <= 32 ? "4.4rem" : map.channels <= 64 ? "3.6rem" : "2.9rem");
      grid.classList.toggle("pixelated", map.height < 80);
      if (!fresh) {
        draw(true);
        paintPage();
      } else turn(MOST_TILES * Math.floor(Math.max(0, order.indexOf(channel ?? -1)) / MOST_TILES), channel ?? order[0]);
    },
  };
}
