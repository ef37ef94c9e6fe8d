// One panel's sentence under the image (state.answer).

/** @import { Explorer } from "../types.js" */

/**
 * A panel's answer to a new question takes the place of any other; while it only follows what it depends on, it stands
 * where no other panel's does.
 * @param {Explorer} explorer
 */
export function panelAnswer(explorer) {
  let mine = "", answered = ""; // the sentence, and the question it answers
  return {
    /**
     * @param {string} question what was asked; empty where nothing is
     * @param {string} sentence empty while the answer is not known
     */
    give(question, sentence) {
      const standing = explorer.state.answer;
      const isMineToSet = standing === "" || standing === mine || (sentence !== "" && question !== answered);
      if (isMineToSet && standing !== sentence) explorer.set({ answer: sentence }, { settled: false });
      if (isMineToSet) mine = sentence;
      if (sentence || !question) answered = question;
    },
  };
}
