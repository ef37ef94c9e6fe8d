// Files that are dropped anywhere on the page, or chosen at the image: they go to the page's own uploader.

/** @import { Explorer } from "../types.js" */
/** @import { ImageElements } from "./elements.js" */

// Gradio's buttons, too, have an input, but take nothing that is dropped on them.
const TAKER = ":scope > input[type=file]:not([data-testid$=upload-button])";

/** @param {ImageElements} elements @param {Explorer} explorer */
export function fileDropping({ host, browse, dropping }, explorer) {
  const listening = new AbortController();

  /**
   * The first of the page; it is in the document also while it is folded away, as on a phone.
   * @returns {HTMLInputElement | undefined}
   */
  function uploader() {
    /** @type {NodeListOf<HTMLInputElement>} */
    const inputs = document.querySelectorAll("input[type=file]");
    return [...inputs].find((input) => !input.closest(".salt-viewer"));
  }

  /** @param {FileList} files */
  function hand(files) {
    if (!files.length) return;
    const input = uploader();
    if (!input) {
      explorer.set({ answer: "Nothing on this page takes files." }, { settled: false });
      return;
    }
    const transfer = new DataTransfer(); // a list of its own: what a drop or an input holds may be emptied
    for (const file of files) transfer.items.add(file);
    input.files = transfer.files;
    for (const type of ["input", "change"]) input.dispatchEvent(new Event(type, { bubbles: true }));
  }

  browse.addEventListener("change", () => {
    if (browse.files) hand(browse.files);
    browse.value = ""; // the same file may be chosen again
  });

  /** Whether a part of the page takes itself what is dropped on it. @param {DragEvent} event */
  const hasTaker = (event) => event.composedPath().some((part) =>
    part instanceof Element && !host.contains(part) && part.querySelector(TAKER));

  /** @param {DragEvent} event */
  function follow(event) {
    if (!host.isConnected) return listening.abort();
    if (!event.dataTransfer?.types.includes("Files")) return;
    const { type } = event, isElsewhere = hasTaker(event);
    const hasLeft = type === "dragleave" && !event.relatedTarget; // the page, not one of its elements
    dropping.hidden = type === "drop" || isElsewhere || hasLeft;
    if (type === "dragleave" || isElsewhere) return;
    event.preventDefault(); // this, too, is a place to drop
    if (type !== "drop") return;
    event.stopImmediatePropagation();
    hand(event.dataTransfer.files);
  }

  const { signal } = listening;
  for (const type of /** @type {const} */ (["dragenter", "dragover", "dragleave", "drop"])) {
    addEventListener(type, follow, { capture: true, signal });
  }
}
