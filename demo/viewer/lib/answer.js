// One panel's sentence under the image (state.answer).

import { epochWords } from "./format.js";

/** @import { Explorer } from "../types.js" */

/** Which weights respond, where they are not the finished ones; else empty. @param {Explorer} explorer */
export function weightsWords({ state: { random, epoch }, network: { learned } }) {
  if (random) return "with random weights";
  return epoch === null ? "" : `at ${epochWords(epoch, learned)}`;
}

/** How the network was run for a cut or a pixel, where that is not as for the image. @param {Explorer} explorer */
export function conditionWords(explorer) {
  const weights = weightsWords(explorer);
  return (weights && `, ${weights}`) + (explorer.state.tta ? ", without flip TTA" : "")
    + (explorer.input ? ", on the changed input" : "");
}

/**
 * A panel's answer to a new question takes the place of any other; while it only follows what it depends on, it stands
 * where no other panel's does.
 * @param {Explorer} explorer
 */
export function panelAnswer(explorer) {
  let asked = "", known = ""; // the question now, and its answer
  let answered = "", mine = ""; // the question that was answered last, and what stands there of this panel

  function follow() {
    const standing = explorer.state.answer;
    const isMineToSet = standing === "" || standing === mine || (known !== "" && asked !== answered);
    if (isMineToSet && standing !== known) explorer.set({ answer: known }, { settled: false });
    if (isMineToSet) mine = known;
    if (known || !asked) answered = asked;
  }

  return {
    /**
     * @param {string} question what was asked; empty where nothing is
     * @param {string} sentence empty while the answer is not known
     */
    give(question, sentence) { asked = question; known = sentence; follow(); },
    /** To be called when state.answer has changed: what still holds stands where nothing else does. */
    follow,
  };
}
