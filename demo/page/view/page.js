// The interactive page: the viewer, answered out of the file it stands in.

import { bytesOfText, unpackCompact } from "./pack.js";
import { find, h } from "../../viewer/lib/dom.js";
import { linkOfAddress, stateOfLink } from "../../viewer/state.js";
import { view } from "../../viewer/viewer.js";

/** @import { Box, Callbacks, Message, Place, SentRequest, ViewState } from "../../viewer/types.js" */
/**
 * An image of the file; `length` and `message` are characters in its data, one after another.
 * @typedef {{ caption: string, window: Place, leftOut: string[], message: number, answers: StoredAnswer[] }} StoredImage
 * @typedef {{ request: StoredRequest, length: number }} StoredAnswer
 * @typedef {{ kind?: string, random?: boolean, box?: Box, cuts?: string[] }} StoredRequest  as the viewer makes it, without whose it is
 */

export function openPage() {
  /** @type {{ refusal: string, images: StoredImage[] }} */
  const { refusal, images } = JSON.parse(textOf("stored"));
  const root = find(document, "#viewer", HTMLElement), choice = find(document, "#images", HTMLSelectElement);
  const caption = find(document, "#caption", HTMLElement), leftOut = find(document, "#left-out", HTMLElement);
  const places = find(document, "#places", HTMLElement);
  let open = 0; // index of the image that is shown
  let turn = 0; // of the images that were chosen, the last one is shown
  /** @type {Message} */
  let last; // what brought it
  let revision = 0;
  /** @type {Partial<ViewState>} */
  let settled = {};

  /** @type {Callbacks} */
  const callbacks = { request: answer, settled: (state) => { settled = state; }, offline: true };

  /** @param {string} id */
  function textOf(id) { return find(document, `#${id}`, HTMLScriptElement).textContent ?? ""; }

  /** @param {number} index @param {number} start @param {number} length */
  const read = (index, start, length) =>
    unpackCompact(bytesOfText(textOf(`image-${index + 1}`).slice(start, start + length)));

  /**
   * Shows an image, as it was when the file was made where there is no other state.
   * @param {number} index
   * @param {Partial<ViewState> | null} state
   */
  async function show(index, state) {
    const mine = ++turn;
    const message = await read(index, 0, images[index].message);
    if (mine !== turn) return; // another was chosen meanwhile
    open = index;
    revision++;
    const threshold = state?.threshold ?? message.threshold;
    last = { ...message, revision, threshold, view: state ? { ...state, window: images[index].window } : message.view };
    choice.value = String(index + 1);
    describe(images[index]);
    view(root, last, callbacks);
  }

  /** @param {SentRequest} request */
  async function answer(request) {
    const index = open, name = nameOf(request);
    const { message, answers } = images[index];
    let start = message;
    const found = answers.find(({ request: known, length }) => nameOf(known) === name || (start += length, false));
    const response = found ? await read(index, start, found.length) : { error: refusal };
    const base = request.kind === "image" ? last : { ...last, image: null, network: null, palette: null };
    view(root, { ...base, response: { ...response, id: request.id } }, callbacks);
  }

  /** What is asked, whoever asks: values that say nothing are left out. @param {StoredRequest} request */
  function nameOf(request) {
    const isUncut = request.cuts?.length === 0; // nothing stands in place of nothing
    const said = Object.entries({ ...request, ...(isUncut && { fill: null }) }).filter(([name, value]) => value && name !== "id" && name !== "key");
    return JSON.stringify(said.sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  /** @param {StoredImage} image */
  function describe({ caption: words, leftOut: missing, answers }) {
    caption.textContent = words;
    leftOut.hidden = !missing.length;
    leftOut.textContent = `There was no room for ${missing.join(", ")}.`;
    const asked = answers.flatMap(({ request }) => (request.kind === "pixel" && request.box && !request.random ? [request.box] : []));
    places.hidden = !asked.length;
    places.replaceChildren("Answers about pixels in this file: ", ...asked.map(placeLink));
  }

  /** @param {Box} box */
  function placeLink([top, left, height, width]) {
    const pixel = `pixel=${top + (height >> 1)},${left + (width >> 1)}`;
    const isBox = height * width > 1;
    const words = isBox ? `rows ${top} to ${top + height - 1}, columns ${left} to ${left + width - 1}` : `row ${top}, column ${left}`;
    return h("a", {
      href: `#image=${open + 1}&${pixel}${isBox ? `&box=${top},${left},${height},${width}` : ""}&tab=why`,
    }, words);
  }

  /** The image and the state that a link to the file asks for; null where there is none. */
  function wanted() {
    const values = new URLSearchParams(linkOfAddress());
    const number = Number(values.get("image") ?? 1), threshold = parseFloat(values.get("threshold") ?? "");
    const isKnown = Number.isInteger(number) && number >= 1 && number <= images.length;
    /** @type {Partial<ViewState> | null} */
    const state = values.size > 0 ? { ...stateOfLink(), epoch: null, lesson: null } : null; // those are the app's
    if (state && threshold >= 0 && threshold <= 1) state.threshold = threshold;
    return { index: isKnown ? number - 1 : 0, state };
  }

  function follow() {
    const { index, state } = wanted();
    show(index, state);
  }

  // What was opened of one image is kept for the next, but no pixel: nobody asked about that one.
  choice.addEventListener("change", () => {
    show(Number(choice.value) - 1, { ...settled, pixel: null, box: null });
  });
  addEventListener("hashchange", follow);
  follow();
}
