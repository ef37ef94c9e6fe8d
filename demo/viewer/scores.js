// How good a mask is: the browser's copy of unet/metrics.py, value for value.
//
// Salt is what lies above the threshold, which is rounded to float32, the precision of the probabilities.
// `probability` is a Float32Array; `truth` a Uint8Array of the same length, not 0 where there is salt.

const HUNDREDTHS = Float64Array.from({ length: 99 }, (_, i) => (i + 1) / 100);
const HUNDREDTHS_32 = Float32Array.from(HUNDREDTHS);

// A share of pixels, 0 where there are none.
export function shareOf(count, pixels) {
  return pixels ? count / pixels : 0;
}

// How many of so many pixels are section, by a Uint8Array that is not 0 in the margin; null where there is none.
export function sectionOf(margin, pixels) {
  return margin ? margin.reduce((sum, value) => sum + (value ? 0 : 1), 0) : pixels;
}

// How many pixels are salt.
export function countAbove(probability, threshold) {
  const limit = Math.fround(threshold);
  let count = 0;
  for (let i = 0; i < probability.length; i++) if (probability[i] > limit) count++;
  return count;
}

// Right and wrong pixels: {tp, fp, fn, tn}.
export function confusion(probability, truth, threshold) {
  const limit = Math.fround(threshold);
  let tp = 0, positive = 0, salt = 0;
  for (let i = 0; i < probability.length; i++) {
    if (truth[i]) salt++;
    if (probability[i] > limit) {
      positive++;
      if (truth[i]) tp++;
    }
  }
  return { tp, fp: positive - tp, fn: salt - tp, tn: probability.length - salt - positive + tp };
}

// The intersection over union of salt; 1 when both masks are empty.
export function iou({ tp, fp, fn }) {
  const union = tp + fp + fn;
  return union ? tp / union : 1;
}

// The competition's score of one image: the share of the IoU thresholds 0.50, 0.55, ..., 0.95 that its IoU exceeds.
// Without salt in the image it is 1 for an empty prediction and 0 for any other.
export function averagePrecision({ tp, fp, fn }) {
  const union = tp + fp + fn;
  if (tp + fn === 0) return union === 0 ? 1 : 0;
  let passed = 0;
  // Whole numbers: an IoU of exactly 0.55 must not exceed the threshold by a rounding error.
  for (let percent = 50; percent < 100; percent += 5) if (100 * tp > percent * union) passed++;
  return passed / 10;
}

// How the finding depends on the threshold, at 0.01, 0.02, ..., 0.99, from one pass over the pixels:
// {thresholds, area, iou, score, best}, shares from 0 to 1.  `best` is the threshold with the highest IoU on this very
// image, the middle one of equals.  Without a truth (null) iou, score and best are null.  `pixels` is how many of them
// are section; a margin is none.
export function thresholdCurves(probability, truth, pixels) {
  const count = HUNDREDTHS.length;
  // How many pixels have exactly so many thresholds below them: those are salt at these thresholds.
  const every = new Uint32Array(count + 1), right = new Uint32Array(count + 1);
  for (let i = 0; i < probability.length; i++) {
    const value = probability[i];
    let below = Math.max(0, Math.min(count, Math.floor(100 * value))); // near; then exactly, in float32
    while (below > 0 && HUNDREDTHS_32[below - 1] >= value) below--;
    while (below < count && HUNDREDTHS_32[below] < value) below++;
    every[below]++;
    if (truth && truth[i]) right[below]++;
  }
  const area = new Float64Array(count);
  const curves = { thresholds: HUNDREDTHS, area, iou: null, score: null, best: null };
  if (truth) {
    curves.iou = new Float64Array(count);
    curves.score = new Float64Array(count);
  }
  let salt = 0;
  for (let k = 0; k <= count; k++) salt += right[k];
  for (let i = count - 1, positive = 0, tp = 0; i >= 0; i--) {
    positive += every[i + 1];
    tp += right[i + 1];
    area[i] = shareOf(positive, pixels);
    if (!truth) continue;
    const counts = { tp, fp: positive - tp, fn: salt - tp };
    curves.iou[i] = iou(counts);
    curves.score[i] = averagePrecision(counts);
  }
  if (truth) {
    const highest = Math.max(...curves.iou);
    const equals = [...HUNDREDTHS].filter((_, i) => curves.iou[i] === highest);
    curves.best = equals[equals.length >> 1];
  }
  return curves;
}
