// The lesson: a way through the explorer in steps, each with a question that is answered before the network answers it.
//
// A step is a link (demo/lesson.py): going to it sets the state that the link says, and a page that is opened by
// ?lesson=3 alone does the same.  It may be about another image: then Python, which hears of the step, opens that first.

import { STEPS } from "./steps.js";
import { filledIn, lessonWords } from "./words.js";
import { h } from "../lib/dom.js";
import { lessonCard } from "./card.js";
import { lessonProgress } from "./progress.js";
import { stateOfLink } from "../state.js";

/** @import { Explorer, Update, ViewState } from "../types.js" */
/** @import { Lack, Ready, Step } from "./steps.js" */
/** @typedef {{ answer: string, found: any }} Answered found: what was measured, or a Lack */

const MARK = "lesson-mark"; // the class of what a step is about

/** @param {string} link @param {string} name */
const valueIn = (link, name) => new URLSearchParams(link).get(name);

/**
 * @param {Explorer} explorer
 * @param {HTMLElement} viewer
 * @param {string} arrived what the address said when the page was opened
 */
export function lessonPanel(explorer, viewer, arrived) {
  const progress = lessonProgress();
  const card = lessonCard({ go, close, answer, show, reset, speak }, progress);
  const button = h("button", {
    class: "quiet", "data-testid": "lesson-open", onclick: () => go(firstOpen()),
  }, "Lesson");
  /** @type {Answered | null} */
  let answered = null;
  let isMeasuring = false;
  let isOpening = false; // Python opens the image of the step
  let written = ""; // what stands on the card
  let entered = 0; // how often a step was entered: what was measured for one before comes too late
  /** @type {(() => void)[]} */
  let waiting = []; // try again to read what was not there

  /** What a step brings when it is opened is no gesture of the user's. @param {string} link @param {number} number */
  function begin(link, number) {
    explorer.set(stateOfStep(link, number));
    explorer.history.forget();
  }

  const current = () => (explorer.state.lesson === null ? undefined : STEPS[explorer.state.lesson - 1]);

  /** The first step that was not answered. */
  const firstOpen = () => Math.max(0, STEPS.findIndex(({ name }) => progress.of(name) === undefined));

  /** Goes to a step. @param {number} index */
  function go(index) {
    const link = explorer.lesson[index], isAgain = explorer.state.lesson === index + 1;
    // Python opens a step's image when another step is gone to; one that is begun again keeps the image of the page.
    isOpening = !isAgain && valueIn(link, "sample") !== explorer.sample;
    if (isAgain) enter();
    if (isOpening) explorer.set({ lesson: index + 1 });
    else explorer.set(stateOfStep(link, index + 1));
  }

  /**
   * What a step's link says; all else is as at the start.
   * @param {string} link
   * @param {number} number
   * @returns {Partial<ViewState>}
   */
  function stateOfStep(link, number) {
    const threshold = Number(valueIn(link, "threshold") ?? explorer.image.chosen);
    return {
      ...stateOfLink(link), threshold, lesson: number, look: "fill", sort: "number", overlay: null, swipe: null, frames: [],
      answer: "", ...STEPS[number - 1]?.start?.(explorer),
    };
  }

  function close() {
    explorer.set({ lesson: null });
    button.focus();
  }

  function reset() {
    progress.reset();
    go(0);
  }

  /** @param {string} language */
  function speak(language) {
    progress.speak(language);
    write();
  }

  /** Waits for a value that a message of the server brings. @type {Ready} */
  const ready = (read) => new Promise((done, fail) => {
    const look = () => {
      try {
        const value = read();
        if (value === null) waiting.push(look);
        else done(value);
      } catch (error) {
        fail(error);
      }
    };
    look();
  });

  /** @param {string} given */
  async function answer(given) {
    const step = current(), turn = entered;
    if (!step || isMeasuring) return;
    isMeasuring = true;
    write();
    let found;
    try {
      found = await step.measure(explorer, ready);
    } catch (error) {
      found = /** @type {Error} */ (error);
    }
    if (turn !== entered) return;
    isMeasuring = false;
    answered = { answer: given, found };
    if (!isLack(found)) progress.note(step.name, step.judge(found, given, words(step).format).isRight);
    write();
    card.focusShow();
  }

  /** Whether nothing could be measured. @param {any} found */
  const isLack = (found) => found instanceof Error || typeof found === "string";

  function show() {
    const step = current();
    if (!step || !answered) return;
    const { tab, ...changes } = step.show(explorer, answered.found);
    card.makeRoom();
    explorer.set(changes);
    if (tab) explorer.open(tab);
  }

  /** @param {Step} step */
  const words = (step) => lessonWords(progress.language, step.name);

  /** @param {Step} step */
  function judgement(step) {
    if (!answered) return null;
    const { card: texts, step: own, format } = words(step), { found, answer: given } = answered;
    if (isLack(found)) {
      const text = found instanceof Error ? found.message : texts[/** @type {Lack} */ (found)];
      return { heading: "", text, because: "", canShow: false };
    }
    const { isRight, filled, because } = step.judge(found, given, format);
    const choices = step.choices(explorer), all = { ...step.fill(explorer, format), ...filled };
    const said = choices ? format.choice(given) : filledIn(texts.share, { value: format.percent(Number(given) / 100) });
    /** @type {Record<string, string>} */
    const reasons = own.because;
    const join = (/** @type {string[]} */ sentences) =>
      sentences.map((sentence) => filledIn(filledIn(sentence, { answer: said }), all)).join(" ");
    return {
      heading: isRight ? texts.right : texts.wrong, canShow: true,
      text: join([texts.said, own.judgement]), because: join(because.map((reason) => reasons[reason])),
    };
  }

  function write() {
    const step = current();
    if (!step) return;
    const { card: texts, format } = words(step);
    const content = {
      step: STEPS.indexOf(step), filled: step.fill(explorer, format), choices: step.choices(explorer),
      waiting: isOpening ? texts.opening : isMeasuring ? texts.measuring : "", judgement: judgement(step),
    };
    const key = JSON.stringify([content, progress.language]);
    if (key === written) return; // it is called with every frame in which something moved
    written = key;
    card.write({ ...content, words: words(step) });
  }

  /** Begins the step that is open now, or ends the lesson. */
  function enter() {
    entered++;
    written = "";
    answered = null;
    isMeasuring = false;
    waiting = [];
    const step = current();
    card.box.hidden = !step;
    viewer.classList.toggle("in-lesson", Boolean(step));
    if (!step) return;
    card.enter();
    write();
    card.bringIntoSight();
  }

  /** The parts of the page that the step is about. */
  function mark() {
    const marks = current()?.marks.map((testid) => `[data-testid^="${testid}"]`).join(", ");
    const wanted = new Set(marks ? viewer.querySelectorAll(marks) : []);
    for (const element of viewer.querySelectorAll(`.${MARK}`)) if (!wanted.has(element)) element.classList.remove(MARK);
    for (const element of wanted) element.classList.add(MARK);
  }

  // A link to a step brings its state; the viewer's own links name a threshold, and say everything themselves.
  const { lesson } = explorer.state;
  if (lesson && explorer.lesson[lesson - 1] && valueIn(arrived, "threshold") === null) {
    begin(`${arrived}&${explorer.lesson[lesson - 1]}`, lesson); // of two values the first counts
  }

  new ResizeObserver(() => viewer.style.setProperty("--lesson", `${card.box.offsetHeight}px`)).observe(card.box);

  /** @type {Update} */
  function update(has) {
    if (has("image") && isOpening) {
      isOpening = false;
      const { lesson: number } = explorer.state;
      if (number) begin(explorer.lesson[number - 1], number);
    }
    if (has("lesson", "image")) enter();
    else if (current() && !answered) write();
    for (const look of waiting.splice(0)) look();
    mark();
  }

  return { box: card.box, button, update };
}
