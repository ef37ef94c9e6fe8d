// One panel's sentence under the image (state.answer).

/** @import { Explorer, ViewState } from "../types.js" */

/** How the network was run for a cut or a pixel, where that is not as for the image. @param {ViewState} state */
export const conditionWords = ({ random, tta }) =>
  (random ? ", with random weights" : "") + (tta ? ", without flip TTA" : "");

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
