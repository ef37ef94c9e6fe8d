// The texts of the lesson in English.  {words} in braces are filled in by steps.js; german.js has the same keys and braces.

export const ENGLISH = {
  card: {
    label: "Lesson",
    position: "Step {step} of {steps}",
    dot: "Step {step}: {title}",
    dotRight: "Step {step}: {title}, answered right",
    dotWrong: "Step {step}: {title}, answered wrong",
    language: "Language",
    answer: "Answer",
    show: "Show me",
    back: "Back",
    next: "Next",
    close: "Close the lesson",
    fold: "The rest of the card",
    reset: "Start over",
    right: "Right.",
    wrong: "Not quite.",
    said: "You said: {answer}.",
    opening: "The image of this step is opened …",
    measuring: "The network is asked …",
    noTruth: "This image has no ground truth with salt in it. Go to another step and back: the step brings its own image.",
    noMask: "The mask is empty at this threshold: there is no outline. Lower the threshold.",
    share: "{value} of the image",
    teacher: "For teachers: docs/teaching.md has a plan for 45 minutes, the answers of the shipped weights, and sources.",
  },
  steps: {
    threshold: {
      title: "What a threshold trades",
      text: "Every pixel has a probability of salt; above the threshold it counts as salt. Compared with the ground truth, "
        + "what is marked wrongly is “too much” (FP), and salt that is not marked is “missed” (FN).",
      question: "You raise the threshold from {from} to {to}. What happens?",
      choices: {
        fewerMore: "Fewer too much, more missed",
        moreFewer: "More too much, fewer missed",
        fewerFewer: "Fewer of both",
        moreMore: "More of both",
      },
      judgement: "From {from} to {to} what is too much goes from {fpBefore} to {fpAfter} pixels, what is missed from "
        + "{fnBefore} to {fnAfter}; the IoU from {iouBefore} to {iouAfter}.",
      because: {
        always: "A higher threshold can only take pixels out of the mask, wrong ones and right ones. "
          + "IoU = TP / (TP + FP + FN) counts both errors alike; what each of them costs is for you to say.",
      },
    },
    encoder: {
      title: "What an encoder map responds to",
      text: "Map {channel} of {layer} is enlarged in the tab Maps. It has a value for every position, and is high where it responds.",
      question: "What do the high values of this map go along with best?",
      choices: {
        bright: "Bright places of the image",
        dark: "Dark places of the image",
        rows: "Places where the grey changes from row to row",
        salt: "The mask",
      },
      judgement: "Correlation of map {channel} of {layer} with the brightness {bright}, with the change from row to row "
        + "{rows}, with the mask {salt}.",
      because: {
        best: "So the best of these is: {best}. A correlation shows what a map goes along with, not why.",
        none: "None of these reaches {least}, so none of them describes this map.",
        later: "No map of {layer} has a correlation with the mask above {early}; in {late} one reaches {latest}. "
          + "Zeiler and Fergus (2014) saw such an order in another network: edges first, larger patterns deeper.",
        notLater: "The most mask-like map of {layer} has a correlation of {early} with the mask, that of {late} {latest}.",
      },
    },
    bottleneck: {
      title: "What the bottleneck can hold, and what not",
      text: "At the bottom of the U {rows} × {columns} positions are left, with {channels} values each; one stands for "
        + "{stride} × {stride} pixels. The skips hand finer maps across to the decoder.",
      question: "All skips are cut at once, and only the bottleneck is left. What becomes of the mask?",
      choices: {
        gone: "It is gone",
        place: "It stays about where it is, with another outline",
        same: "It hardly changes",
      },
      judgement: "Without the skips, salt covers {area} of the image instead of {areaWhole}. The IoU of the two masks is "
        + "{overlap} (below {gone} counts as gone, above {same} as hardly changed), and the outline leaves {moved} of its pixels.",
      because: {
        gone: "Here hardly anything of the mask gets through the bottleneck alone.",
        place: "Where salt is, about, gets through the bottleneck; the exact outline does not. "
          + "To localise it, Ronneberger et al. (2015) join the finer maps of the encoder to the decoder.",
        same: "Here even the outline gets through the bottleneck.",
        reverse: "The other way round, with all skips and without the bottleneck, the IoU is {reverse}. Zeros stand in for "
          + "what is cut, and the network was not trained for that.",
      },
    },
    cut: {
      title: "Guess the cut",
      text: "Each skip hands the maps of one level across, {first} the finest ones, {last} the coarsest ones. Look at the "
        + "outline of the mask.",
      question: "Which skip, when it alone is cut, moves this outline most?",
      choices: {},
      judgement: "Without {answer} the outline leaves {share} of its {pixels} pixels. All of them: {all}.",
      because: {
        finest: "Here it is the finest one, {best}.",
        coarser: "It is {best}, and not the finest one: maps on the finest grid are not therefore those that an outline hangs on.",
        caution: "This shows what this network relies on, not what one trained without that skip would learn.",
      },
    },
    pixel: {
      title: "What a pixel sees",
      text: "On paper a value of the mask can depend on up to {field} × {field} pixels, its receptive field: for the framed "
        + "pixel that is {theory} of the image.",
      question: "In how much of the image does 90 % of the influence on this pixel lie?",
      choices: {},
      judgement: "It is {wide}, a box of {wideRows} × {wideColumns} pixels ({margin} of the image more or less counts as right). "
        + "Half of the influence lies in {narrow}, in {narrowRows} × {narrowColumns} pixels.",
      because: {
        smaller: "What counts is less than what is possible. Luo et al. (2016) call it the effective receptive field, and "
          + "show that influence fades away from its middle.",
        asLarge: "Here it is about as large as the receptive field on paper. Luo et al. (2016) found it smaller in the "
          + "networks that they looked at.",
        meaning: "Influence is the size of the input gradient: what a small change of a pixel would do.",
      },
    },
    shift: {
      title: "Does the mask move along?",
      text: "Now the image is moved {pixels} pixels to the right, and the salt in it too. The network is asked again, and its "
        + "mask is moved back.",
      question: "How well does it fit the mask of before?",
      choices: {
        same: "Exactly, in every pixel",
        near: "Nearly, with an IoU of {near} or more",
        apart: "Not well, with an IoU below {near}",
      },
      judgement: "The IoU is {overlap}: of {compared} pixels that both show, {changed} change sides. Moved by {stride} pixels "
        + "instead of {pixels}, it is {overlapStride}.",
      because: {
        always: "A convolution moves along with its input. But every level halves the grid, and which pixels then fall "
          + "together changes with a shift (Zhang 2019); only a multiple of {stride} keeps all grids. What comes in at the "
          + "edge is new in either case.",
      },
    },
    missed: {
      title: "A salt body the network misses",
      text: "In the ground truth {salt} pixels are salt. At the threshold {threshold} the mask has {found} of them.",
      question: "What do the probabilities say: why?",
      choices: {
        threshold: "Only the threshold is wrong: a lower one shows the body cleanly (IoU above {clean})",
        unsure: "The body looks like salt to the network, but so does something else",
        blind: "The body looks no more like salt to the network than the rest",
      },
      judgement: "The probability is {inside} on average in the body and {outside} elsewhere, at most {highest} and "
        + "{highestOutside}. A pixel of the body is above one of the rest in {order} of all pairs. "
        + "The best IoU that any threshold gives is {best}.",
      because: {
        threshold: "The order of the pixels is right, and at {at} the IoU is {best}.",
        unsure: "A threshold that finds half of the body also marks {wrong} pixels that are no salt.",
        blind: "By chance it would be 50 % of the pairs; {sure} or more would count as looking like salt. "
          + "No threshold helps where the order is wrong.",
        deep: "Without the bottleneck the averages are {insideCut} in the body and {outsideCut} elsewhere: compare what "
          + "the deepest level adds.",
      },
    },
    random: {
      title: "Trained or random?",
      text: "“Random weights” puts random numbers in place of all that was learned. The wiring stays the same.",
      question: "Which of these maps is then most like that of the trained network? (The mean over a block's maps, as in the U.)",
      choices: {},
      judgement: "Correlation of the trained with the random one: {all}.",
      because: {
        early: "Random filters, too, hand on the layers of the image: a map that looks like the image proves no learning.",
        other: "What both have in common need not have been learned.",
        source: "Adebayo et al. (2018) test explanations by this: one that stays the same with random weights does not "
          + "explain what a network has learned.",
      },
    },
  },
};
