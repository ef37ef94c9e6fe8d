// What the browser keeps of the lesson: which steps were answered, and the language.

import { LANGUAGES, browserLanguage } from "./words.js";

const STORED_AS = "salt-unet-lesson";

/** What was kept; nothing where the browser keeps nothing, as in a private window, or where something else stands there. */
function readKept() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORED_AS) ?? "{}");
    return typeof kept === "object" && kept !== null ? kept : {};
  } catch {
    return {};
  }
}

export function lessonProgress() {
  const kept = readKept();
  let language = Object.hasOwn(LANGUAGES, kept.language) ? String(kept.language) : browserLanguage();
  /** @type {Map<string, boolean>} */
  const answered = new Map(Object.entries(kept.answered ?? {}).map(([step, isRight]) => [step, isRight === true]));

  function keep() {
    try {
      localStorage.setItem(STORED_AS, JSON.stringify({ language, answered: Object.fromEntries(answered) }));
    } catch {
      // The lesson goes on, and is forgotten with the page.
    }
  }

  return {
    get language() { return language; },
    /** @param {string} wanted */
    speak(wanted) { language = wanted; keep(); },
    /** Whether a step was answered right; undefined where it was not answered. @param {string} step */
    of: (step) => answered.get(step),
    /** @param {string} step @param {boolean} isRight */
    note(step, isRight) { answered.set(step, isRight); keep(); },
    reset() { answered.clear(); keep(); },
  };
}
