// Files that are dropped anywhere on the page, or chosen at the image: they go to the page's own uploader.

/** @import { Explorer } from "../types.js" */
/** @import { ImageElements } from "./elements.js" */

const UNFOLDING = 3000; // ms until an uploader that was folded away is there
const TAKER = ":scope > input[type=file]:not([data-testid$=upload-button])"; // Gradio's buttons are no place to drop on
const FOLDED_AWAY = "[data-testid=stExpandSidebarButton]"; // on a phone Streamlit has its uploaders behind this button
const FOLD_AWAY = "[data-testid=stSidebarCollapseButton] button";

/** @param {ImageElements} elements @param {Explorer} explorer */
export function fileDropping({ host, browse, dropping }, explorer) {
  const listening = new AbortController();

  /** @returns {HTMLInputElement | undefined} */
  function uploader() {
    /** @type {NodeListOf<HTMLInputElement>} */
    const inputs = document.querySelectorAll("input[type=file]");
    return [...inputs].find((input) => !input.closest(".salt-viewer"));
  }

  /** @returns {Promise<HTMLInputElement | undefined>} */
  async function unfoldedUploader() {
    const button = document.querySelector(FOLDED_AWAY);
    if (!(button instanceof HTMLElement)) return undefined;
    button.click();
    for (const end = Date.now() + UNFOLDING; !uploader() && Date.now() < end;) {
      await new Promise((done) => setTimeout(done, 50));
    }
    return uploader();
  }

  /** @param {FileList} files */
  async function hand(files) {
    if (!files.length) return;
    const transfer = new DataTransfer();
    for (const file of files) transfer.items.add(file);
    const atHand = uploader(), input = atHand ?? await unfoldedUploader();
    if (!input) {
      explorer.set({ answer: "Nothing on this page takes files." }, { settled: false });
      return;
    }
    input.files = transfer.files;
    for (const type of ["input", "change"]) input.dispatchEvent(new Event(type, { bubbles: true }));
    const fold = document.querySelector(FOLD_AWAY);
    if (!atHand && fold instanceof HTMLElement) fold.click(); // what was opened is what there is to see
  }

  browse.addEventListener("change", async () => {
    const { files } = browse;
    if (files) await hand(files);
    browse.value = ""; // the same file may be chosen again
  });

  /** Whether a part of the page takes what is dropped on it. @param {DragEvent} event */
  const hasTaker = (event) => event.composedPath().some((part) =>
    part instanceof Element && !host.contains(part) && part.querySelector(TAKER));

  /** @param {DragEvent} event */
  function follow(event) {
    if (!host.isConnected) listening.abort();
    else if (event.dataTransfer?.types.includes("Files")) {
      const { type } = event;
      dropping.hidden = type === "drop" || hasTaker(event) || (type === "dragleave" && !event.relatedTarget);
      if (type === "dragleave" || hasTaker(event)) return;
      event.preventDefault(); // this, too, is a place to drop
      if (type !== "drop") return;
      event.stopImmediatePropagation();
      hand(event.dataTransfer.files);
    }
  }

  const { signal } = listening;
  for (const type of /** @type {const} */ (["dragenter", "dragover", "dragleave", "drop"])) {
    addEventListener(type, follow, { capture: true, signal });
  }
}
