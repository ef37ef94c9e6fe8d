// Requests to the network, one at a time: a later message brings the response.
//
// Long work comes in pieces, each requested when the one before is there; whatever else is asked goes before the next.

/** @import { Explorer, Request, Response, Responses, SentRequest } from "./types.js" */
/**
 * @typedef {{ request: SentRequest, resolve: (response: any) => void, reject: (error: Error) => void, tries: number,
 *   timer: number }} Waiting
 */

export const PATIENCE = 3000; // ms after which a request is sent again, twice as long every time
const LOST = 700; // ms after a message that should have brought the response and did not
const TRIES = 5;
const REMEMBERED = 24; // responses kept per image
const LONG_WORK = ["effects", "smooth", "faithfulness"]; // of long work; whoever wants them keeps them
let requestNumber = 0; // of the last one: no two viewers that follow each other on a page use a number twice
const OF_INPUT = ["maps", "cuts", "uncertainty"]; // requested again once the input rests

/**
 * @param {Explorer} explorer
 * @param {(request: SentRequest) => void} ask sends a request to Python
 * @param {() => boolean} gone whether the page is being left
 * @param {() => void} settled called after each response
 */
export function networkRequests(explorer, ask, gone, settled) {
  /** @type {Waiting[]} */
  const waiting = []; // the first is under way
  /** @type {Map<string, Promise<any>>} */
  let responses = new Map();

  function send() {
    const first = waiting[0];
    if (!first) return;
    clearTimeout(first.timer);
    first.timer = 0;
    if (gone()) return;
    // Without its image the viewer is empty, and nobody could ask again.
    if (first.tries === TRIES && first.request.kind !== "image") {
      return finish(({ reject }) => reject(new Error("The server does not answer.")));
    }
    first.timer = setTimeout(send, PATIENCE * 2 ** first.tries);
    first.tries = Math.min(first.tries + 1, TRIES);
    ask(first.request);
  }

  /** @param {(first: Waiting) => void} how */
  function finish(how) {
    const [first] = waiting.splice(0, 1);
    clearTimeout(first.timer);
    how(first);
    send();
    settled();
  }

  return {
    send,
    isWaiting: () => waiting.length > 0,

    /**
     * @template {Request} R
     * @param {R} request
     * @returns {Promise<Responses[R["kind"]]>}
     */
    request(request) {
      const { top, left } = explorer.window ?? { top: 0, left: 0 };
      const { random, epoch } = explorer.state;
      const full = { window: [top, left], random, epoch, input: explorer.input, ...request };
      const name = JSON.stringify(full);
      const remembered = responses.get(name);
      if (remembered) return remembered;
      const isPiece = LONG_WORK.includes(request.kind);
      const promise = new Promise((resolve, reject) => {
        const sent = /** @type {any} */ ({ ...full, id: ++requestNumber, key: explorer.image?.key ?? null });
        const next = waiting.findIndex(({ request: { kind } }, i) => i > 0 && LONG_WORK.includes(kind));
        const place = isPiece || next < 0 ? waiting.length : next;
        waiting.splice(place, 0, { request: sent, resolve, reject, tries: 0, timer: 0 });
        if (waiting.length === 1) send();
      });
      if (isPiece || request.kind === "predict") return promise; // of every input that a hand passes
      responses.set(name, promise);
      promise.catch(() => responses.delete(name));
      if (responses.size > REMEMBERED) responses.delete([...responses.keys()][0]);
      return promise;
    },

    /**
     * What a message brought.
     * @param {Response | null} response
     * @param {number | null} heard number of the last request that the server had heard; null where it does not say
     */
    take(response, heard) {
      const first = waiting[0];
      if (!first) return;
      if (response?.id !== first.request.id) {
        // What the server has not heard is on its way.  With what it has heard, something else that the user did may
        // have stopped it in the middle of its response.
        const isHeard = heard === null || heard === first.request.id;
        if (isHeard) clearTimeout(first.timer);
        if (isHeard || !first.timer) first.timer = setTimeout(send, isHeard ? LOST : PATIENCE);
        return;
      }
      finish(({ resolve, reject }) => (response.error ? reject(new Error(response.error)) : resolve(response)));
    },

    /** Those about an image that is gone; the one under way still gets its response, which nobody reads. */
    forget() {
      responses = new Map();
      for (const { reject } of waiting.splice(1)) reject(new Error("another image was opened"));
    },

    /** What waits and is about another network or another input than now. */
    forgetChanged() {
      const { input, state: { random, epoch } } = explorer;
      for (let i = waiting.length - 1; i > 0; i--) {
        const { request, reject } = waiting[i];
        const isChanged = request.input !== input || request.random !== random || request.epoch !== epoch;
        if (!OF_INPUT.includes(request.kind) || "sample" in request || !isChanged) continue;
        waiting.splice(i, 1);
        reject(new Error("the input was changed"));
      }
    },

    close() { for (const { timer } of waiting) clearTimeout(timer); },
  };
}
