// The dialog in which a view is taken along: as Python that computes it, or as a figure for a paper.

import { CHANGED_FILE } from "../code/network.js";
import { VIEWS } from "./views.js";
import { drawnFigure, figureName, saveFile } from "./save.js";
import { encodePng } from "../figure/png.js";
import { fromBase64 } from "../lib/pack.js";
import { h, uniqueName } from "../lib/dom.js";

/** @import { Explorer } from "../types.js" */
/** @typedef {"python" | "figure"} TakeKind */

/** @type {Record<TakeKind, string>} */
const KINDS = { python: "Python", figure: "Figure" };

/** @param {Explorer} explorer */
export function takeDialog(explorer) {
  const id = `salt-take-${uniqueName()}`;
  const kinds = Object.entries(KINDS).map(([kind, word]) => h("button", {
    type: "button", "data-testid": `take-${kind}`, onclick: () => show(/** @type {TakeKind} */ (kind), view.value),
  }, word));
  const view = h("select", { "data-testid": "take-view", onchange: () => show(shown, view.value) },
    VIEWS.map(({ name, title }) => h("option", { value: name }, title)));
  const problem = h("p", { class: "note", role: "status", "data-testid": "take-problem" });

  const code = h("pre", { tabindex: 0, role: "region", "aria-label": "Python", "data-testid": "python-code" });
  const copied = h("span", { role: "status", "data-testid": "python-copied" });
  const input = h("button", { type: "button", "data-testid": "python-input", onclick: saveInput }, "Save the changed image");
  const python = h("div", { class: "python" }, code,
    h("div", { class: "row" },
      h("button", { type: "button", "data-testid": "python-copy", onclick: copy }, "Copy"), input, copied),
    h("p", { class: "note" }, "It computes what this view shows, and prints its numbers. Run it where the package is installed, "
      + "in the folder that holds the files it opens."));

  const preview = h("img", { "data-testid": "figure-preview" });
  const size = h("p", { class: "note", "data-testid": "figure-size" });
  const saves = [["svg", "Save SVG"], ["png", "Save PNG, 300 dpi"]].map(([kind, words]) =>
    h("button", { type: "button", "data-testid": `figure-${kind}`, onclick: () => save(kind) }, words));
  const figure = h("div", { class: "figure" }, h("div", { class: "paper" }, preview), h("div", { class: "row" }, saves), size);

  const dialog = h("dialog", { class: "take", "aria-labelledby": id, "data-testid": "take" },
    h("div", { class: "row head" }, h("h3", { id }, "Take it along"),
      h("div", { class: "row kinds", role: "group", "aria-label": "As" }, kinds), h("label", {}, "View", view),
      h("form", { method: "dialog" }, h("button", { "aria-label": "Close", title: "Close", "data-testid": "take-close" }, "×"))),
    problem, python, figure);

  dialog.addEventListener("close", () => { drawing++; });

  /** @type {TakeKind} */
  let shown = "python";
  /** @type {Awaited<ReturnType<typeof drawnFigure>> | null} */
  let drawn = null;
  let drawing = 0; // number of the figure that is wanted

  /** @param {TakeKind} kind @param {string} name */
  async function show(kind, name) {
    const number = ++drawing, wanted = VIEWS.find((one) => one.name === name) ?? VIEWS[0];
    shown = kind;
    view.value = wanted.name;
    drawn = null;
    for (const button of kinds) button.setAttribute("aria-pressed", String(button.textContent === KINDS[kind]));
    python.hidden = figure.hidden = true;
    copied.textContent = "";
    problem.textContent = wanted.lacks?.(explorer, kind) ?? "";
    if (problem.textContent) return;
    if (kind === "python") {
      code.textContent = wanted.code(explorer);
      input.hidden = !explorer.input;
      python.hidden = false;
      return;
    }
    problem.textContent = "It is drawn…";
    const isWanted = () => number === drawing;
    try {
      const described = await wanted.figure(explorer, isWanted), found = await drawnFigure(described);
      if (!isWanted()) return;
      drawn = found;
      preview.src = found.url;
      preview.alt = `${described.title}. ${described.caption}`;
      size.textContent = `${found.inches} inches wide, ${found.inches > 4 ? "two columns" : "one column"} of a paper; as PNG `
        + `${found.pixels[0]} × ${found.pixels[1]} pixels.`;
      figure.hidden = false;
      problem.textContent = "";
    } catch (error) {
      if (isWanted()) problem.textContent = /** @type {Error} */ (error).message;
    }
  }

  /** A browser may refuse: then the code is selected, for the hand. */
  async function copy() {
    try {
      await navigator.clipboard.writeText(code.textContent ?? "");
      copied.textContent = "Copied.";
    } catch {
      code.focus();
      getSelection()?.selectAllChildren(code);
      copied.textContent = "The browser did not allow it. The code is selected: copy it with Ctrl+C or ⌘C.";
    }
  }

  async function saveInput() {
    const { height, width } = explorer.window;
    saveFile(await encodePng(fromBase64(explorer.input), width, height), CHANGED_FILE);
  }

  /** @param {string} kind */
  async function save(kind) {
    if (!drawn) return;
    try {
      saveFile(kind === "svg" ? drawn.svg : await drawn.png(), figureName(explorer.image.name, view.value, kind));
    } catch (error) {
      problem.textContent = /** @type {Error} */ (error).message;
    }
  }

  return {
    dialog,
    /** @param {TakeKind} kind @param {string} name of the view */
    open(kind, name) {
      show(kind, name);
      dialog.showModal();
    },
  };
}

/**
 * The two buttons of a view.
 * @param {Explorer} explorer
 * @param {string} suffix of their test ids
 * @param {string} words for whose they are
 * @param {() => string} view
 */
export function takeButtons(explorer, suffix, words, view) {
  const button = (/** @type {TakeKind} */ kind, /** @type {string} */ testid, /** @type {string} */ title) => h("button", {
    type: "button", title, "aria-label": `${KINDS[kind]} of ${words}`, "data-testid": `${testid}${suffix}`,
    onclick: () => explorer.take(kind, view()),
  }, KINDS[kind]);
  return h("span", { class: "take-buttons" },
    button("python", "copy-python", "Python code that computes what is shown"),
    button("figure", "figure", "A figure for a paper: SVG, or PNG at 300 dpi"));
}
