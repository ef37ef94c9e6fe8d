// The words of the lesson in the reader's language: the texts, their braces filled in, and numbers as they are written there.

import { ENGLISH } from "./english.js";
import { GERMAN } from "./german.js";

/** @typedef {ReturnType<typeof lessonWords>["format"]} Format */

/** Their names in themselves. @type {Record<string, string>} */
export const LANGUAGES = { en: "English", de: "Deutsch" };

/** @param {string} language of LANGUAGES */
export const textsIn = (language) => (language === "de" ? GERMAN : ENGLISH);

/** The language of the browser, where the lesson speaks it. */
export function browserLanguage() {
  const wanted = navigator.languages.map((language) => language.split("-")[0]);
  return wanted.find((language) => Object.hasOwn(LANGUAGES, language)) ?? "en";
}

/** "{pixels} pixels" with its braces filled in. @param {string} text @param {Record<string, string>} values */
export const filledIn = (text, values) => text.replace(/\{(\w+)\}/g, (brace, name) => values[name] ?? brace);

/**
 * @param {string} language of LANGUAGES
 * @param {keyof typeof ENGLISH["steps"]} name of the step
 */
export function lessonWords(language, name) {
  const { card, steps } = textsIn(language), step = steps[name];
  const number = (/** @type {number} */ value, /** @type {number} */ digits) =>
    new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "negative" })
      .format(value).replace("-", "−");
  const percent = (/** @type {number} */ share) => `${number(100 * share, share > 0 && share < 0.1 ? 1 : 0)} %`;
  return {
    card, step,
    format: {
      whole: (/** @type {number} */ value) => number(value, 0),
      decimal: (/** @type {number} */ value, digits = 2) => number(value, digits),
      percent,
      /** What is chosen, in words: names of the network's parts are their own. @param {string} choice */
      choice: (choice) => /** @type {Record<string, string>} */ (step.choices)[choice] ?? choice,
    },
  };
}
