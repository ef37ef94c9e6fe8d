// What is counted over pixels.  How good a mask is follows unet/metrics.py, value for value.
//
// Salt is what lies above the threshold, which is rounded to float32, the precision of the probabilities.  `probability`
// is a Float32Array; `truth` a Uint8Array of the same length, not 0 where there is salt.

/** @typedef {{ tp: number, fp: number, fn: number, tn: number }} Confusion */

const HUNDREDTHS = Float64Array.from({ length: 99 }, (_, i) => (i + 1) / 100);
const HUNDREDTHS_32 = Float32Array.from(HUNDREDTHS);

/** A share of pixels, 0 where there are none. @param {number} count @param {number} pixels */
export const shareOf = (count, pixels) => (pixels ? count / pixels : 0);

/** @param {Float32Array} values */
export const meanOf = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The largest of values that are not negative. @param {Float32Array} values */
export const largestOf = (values) => values.reduce((largest, value) => Math.max(largest, value), 0);

/**
 * How many of so many pixels are section.
 * @param {Uint8Array | null} margin not 0 where there is none
 * @param {number} pixels
 */
export const sectionOf = (margin, pixels) =>
  margin ? margin.reduce((sum, value) => sum + (value ? 0 : 1), 0) : pixels;

/** How many pixels are salt. @param {Float32Array} probability @param {number} threshold */
export function countAbove(probability, threshold) {
  const limit = Math.fround(threshold);
  let count = 0;
  for (let i = 0; i < probability.length; i++) if (probability[i] > limit) count++;
  return count;
}

/**
 * Right and wrong pixels.
 * @param {Float32Array} probability
 * @param {Uint8Array} truth
 * @param {number} threshold
 * @returns {Confusion}
 */
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

/** The intersection over union of salt; 1 when both masks are empty. @param {Omit<Confusion, "tn">} counts */
export function iou({ tp, fp, fn }) {
  const union = tp + fp + fn;
  return union ? tp / union : 1;
}

/**
 * The competition's mAP, of one image alone: the share of the IoU thresholds 0.50, 0.55, ..., 0.95 that its IoU exceeds.
 * Without salt in the image it is 1 for an empty prediction and 0 for any other.
 * @param {Omit<Confusion, "tn">} counts
 */
export function averagePrecision({ tp, fp, fn }) {
  const union = tp + fp + fn;
  if (tp + fn === 0) return union === 0 ? 1 : 0;
  let passed = 0;
  // Whole numbers: an IoU of exactly 0.55 must not exceed the threshold by a rounding error.
  for (let percent = 50; percent < 100; percent += 5) if (100 * tp > percent * union) passed++;
  return passed / 10;
}

/**
 * How area, IoU and score depend on the threshold, at 0.01, 0.02, ..., 0.99, from one pass over the pixels.
 * `best` is the threshold with the highest IoU on this very image, the middle one of equals.  Without a ground truth
 * iou, score and best are null.
 * @param {Float32Array} probability
 * @param {Uint8Array | null} truth
 * @param {number} pixels how many of them are section; a margin is none
 */
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
  const area = new Float64Array(count), overlap = new Float64Array(count), score = new Float64Array(count);
  const salt = right.reduce((sum, value) => sum + value, 0);
  for (let i = count - 1, positive = 0, tp = 0; i >= 0; i--) {
    positive += every[i + 1];
    tp += right[i + 1];
    const counts = { tp, fp: positive - tp, fn: salt - tp };
    area[i] = shareOf(positive, pixels);
    overlap[i] = iou(counts);
    score[i] = averagePrecision(counts);
  }
  if (!truth) return { thresholds: HUNDREDTHS, area, iou: null, score: null, best: null };
  const highest = Math.max(...overlap);
  const equals = HUNDREDTHS.filter((_, i) => overlap[i] === highest);
  return { thresholds: HUNDREDTHS, area, iou: overlap, score, best: equals[equals.length >> 1] };
}

/**
 * Pearson's correlation; NaN where one of both is the same everywhere.
 * @param {ArrayLike<number>} one
 * @param {ArrayLike<number>} other of the same length
 */
export function correlation(one, other) {
  const count = one.length;
  let x = 0, y = 0, xx = 0, yy = 0, xy = 0;
  for (let i = 0; i < count; i++) {
    const a = one[i] - one[0], b = other[i] - other[0]; // of constants exactly 0
    x += a;
    y += b;
    xx += a * a;
    yy += b * b;
    xy += a * b;
  }
  const spread = (xx - (x * x) / count) * (yy - (y * y) / count);
  return spread > 0 ? (xy - (x * y) / count) / Math.sqrt(spread) : NaN;
}
