// The card of the lesson: its elements, and what is written on it.

import { h, setCurrent, uniqueName } from "../lib/dom.js";
import { STEPS } from "./steps.js";
import { LANGUAGES, filledIn, textsIn } from "./words.js";

/** @import { lessonProgress } from "./progress.js" */
/** @import { lessonWords } from "./words.js" */
/**
 * @typedef {object} Written what the card says
 * @property {number} step its index
 * @property {ReturnType<typeof lessonWords>} words
 * @property {Record<string, string>} filled for the braces of the step's texts
 * @property {string[] | null} choices null: a share is guessed
 * @property {string} waiting why no answer can be given yet; empty where one can
 * @property {{ heading: string, text: string, because: string, canShow: boolean } | null} judgement
 *
 * @typedef {object} CardActions
 * @property {(index: number) => void} go
 * @property {() => void} close
 * @property {(answer: string) => void} answer
 * @property {() => void} show
 * @property {() => void} reset
 * @property {(language: string) => void} speak
 */

const GUESS_START = "50"; // per cent

/** @param {CardActions} actions @param {ReturnType<typeof lessonProgress>} progress */
export function lessonCard(actions, progress) {
  const unique = uniqueName();
  const button = (/** @type {string} */ name, /** @type {() => void} */ onclick) =>
    h("button", { type: "button", "data-testid": `lesson-${name}`, onclick });
  const heading = h("h3", { id: `salt-lesson-${unique}`, tabindex: "-1", "data-testid": "lesson-title" });
  const text = h("p", { "data-testid": "lesson-text" });
  const position = h("span", { class: "note", "data-testid": "lesson-step" });
  const dots = STEPS.map((_, index) => h("button", {
    class: "lesson-dot", type: "button", "data-testid": `lesson-dot-${index + 1}`, onclick: () => actions.go(index),
  }, index + 1));
  const language = h(
    "select", { "data-testid": "lesson-language", onchange: () => actions.speak(language.value) },
    Object.entries(LANGUAGES).map(([value, name]) => h("option", { value, lang: value }, name)),
  );
  const reset = button("reset", actions.reset), fold = button("fold", () => setFolded(!box.classList.contains("folded")));
  const close = button("close", actions.close);
  close.textContent = "×";
  const question = h("legend", { "data-testid": "lesson-question" });
  const options = h("div", { class: "lesson-choices" });
  const note = h("p", { class: "note", "data-testid": "lesson-waiting" });
  const judgement = h("div", { role: "status", "data-testid": "lesson-judgement" });
  const because = h("p", { class: "lesson-because", "data-testid": "lesson-because" });
  const teacher = h("p", { class: "note", "data-testid": "lesson-teacher" });
  const answer = h("button", { class: "lesson-main", "data-testid": "lesson-answer" });
  const show = button("show", actions.show);
  const back = button("back", () => actions.go(shown - 1)), next = button("next", () => actions.go(shown + 1));
  const form = h("form", { class: "lesson-ask", onsubmit: submit },
    h("fieldset", {}, question, options), note, judgement, teacher, h("div", { class: "row" }, answer, show, back, next));
  const body = h("div", { class: "lesson-body" }, h("div", { class: "lesson-about" }, heading, text), form, because,
    h("div", { class: "lesson-settings" }, language, reset));
  const box = h(
    "section", { class: "lesson", "aria-labelledby": heading.id, "data-testid": "lesson", hidden: true },
    h("div", { class: "lesson-head" }, h("div", { class: "lesson-dots", role: "group" }, dots), position,
      h("span", { class: "lesson-tools" }, fold, close)),
    body,
  );
  let shown = 0; // the step's index
  let written = ""; // the choices that stand there

  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    const value = new FormData(form).get("answer");
    if (value !== null) return actions.answer(String(value));
    options.querySelector("input")?.focus(); // nothing is chosen yet
  }

  /** @param {boolean} folded */
  function setFolded(folded) {
    box.classList.toggle("folded", folded);
    fold.setAttribute("aria-expanded", String(!folded));
    fold.textContent = folded ? "▴" : "▾";
  }

  /** A radio button for each choice, or a slider. @param {Written} card */
  function writeChoices({ choices, words: { card, format }, filled }) {
    const texts = choices?.map((choice) => filledIn(format.choice(choice), filled));
    const key = JSON.stringify([shown, choices, texts, card.share]);
    if (key === written) return;
    written = key;
    const given = new FormData(form).get("answer"); // before the language was changed
    if (choices) {
      options.replaceChildren(...choices.map((choice, index) => h("label", {},
        h("input", {
          type: "radio", name: "answer", value: choice, checked: choice === given,
          "data-testid": `lesson-choice-${index + 1}`,
        }),
        h("span", {}, texts?.[index]))));
      return;
    }
    const output = h("output", { "data-testid": "lesson-guess-value" });
    const follow = () => {
      output.textContent = filledIn(card.share, { value: format.percent(guess.valueAsNumber / 100) });
      guess.setAttribute("aria-valuetext", output.textContent);
    };
    const guess = h("input", {
      type: "range", name: "answer", min: 0, max: 100, step: 1, value: String(given ?? GUESS_START), "aria-labelledby": question.id,
      "data-testid": "lesson-guess", oninput: follow,
    });
    options.replaceChildren(guess, output);
    follow();
  }

  const isSheet = () => getComputedStyle(box).position === "sticky"; // at the foot of a narrow page

  question.id = `salt-lesson-question-${unique}`;
  setFolded(false);

  return {
    box,
    /** Begins a step: nothing is chosen, and it is read from its heading on. */
    enter() {
      written = "";
      options.replaceChildren();
      setFolded(false);
      body.scrollTop = 0;
      heading.focus({ preventScroll: true });
    },
    /** On a narrow page it is there already, and the image is to stand above it. */
    bringIntoSight() {
      if (isSheet()) box.parentElement?.querySelector(".stage")?.scrollIntoView({ block: "start" });
      else box.scrollIntoView({ block: "nearest" });
    },
    /** What it covers of a narrow page is to be seen. */
    makeRoom() {
      if (!isSheet()) return;
      setFolded(true);
      fold.focus({ preventScroll: true });
    },
    /** The button that was pressed is gone once it is answered. */
    focusShow: () => (show.hidden ? next : show).focus({ preventScroll: true }),
    /** @param {Written} card */
    write(card) {
      const { words: { card: texts, step }, filled } = card, steps = String(STEPS.length);
      shown = card.step;
      box.lang = language.value = progress.language;
      heading.textContent = step.title;
      text.textContent = filledIn(step.text, filled);
      question.textContent = filledIn(step.question, filled);
      position.textContent = filledIn(texts.position, { step: String(shown + 1), steps });
      dots.forEach((dot, index) => {
        const { name } = STEPS[index], isRight = progress.of(name);
        const words = isRight === undefined ? texts.dot : isRight ? texts.dotRight : texts.dotWrong;
        const title = textsIn(progress.language).steps[name].title;
        dot.setAttribute("aria-label", filledIn(words, { step: String(index + 1), title }));
        dot.title = title;
        dot.dataset.answered = isRight === undefined ? "" : isRight ? "right" : "wrong";
        setCurrent(dot, index === shown);
      });
      dots[0].parentElement?.setAttribute("aria-label", texts.label);
      language.setAttribute("aria-label", texts.language);
      answer.textContent = texts.answer;
      show.textContent = texts.show;
      back.textContent = texts.back;
      next.textContent = texts.next;
      reset.textContent = texts.reset;
      fold.title = texts.fold;
      fold.setAttribute("aria-label", texts.fold);
      close.title = texts.close;
      close.setAttribute("aria-label", texts.close);
      back.disabled = shown === 0;
      next.disabled = shown === STEPS.length - 1;
      note.textContent = card.waiting;
      note.hidden = !card.waiting;
      writeChoices(card);
      const { judgement: judged } = card;
      options.hidden = answer.hidden = judged !== null;
      answer.disabled = card.waiting !== "";
      show.hidden = !judged?.canShow;
      judgement.replaceChildren(...(judged ? [h("p", {}, h("b", {}, judged.heading), " ", judged.text)] : []));
      because.hidden = !judged?.because;
      because.textContent = judged?.because ?? "";
      teacher.hidden = shown < STEPS.length - 1;
      teacher.textContent = texts.teacher;
    },
  };
}
