// Numbers in words, with a real minus.

const WHOLE = new Intl.NumberFormat("en");

/** 1234 as "1,234". @param {number} value */
export const wholeNumber = (value) => WHOLE.format(value);

/** "1 map", "2,000 maps". @param {number} count @param {string} noun */
export const plural = (count, noun) => `${wholeNumber(count)} ${noun}${count === 1 ? "" : "s"}`;

/** What mAP is of one image, for its title; `averagePrecision` computes it. */
export const MAP_OF_IMAGE = "The metric of the TGS Salt competition, for this image alone: the share of the IoU thresholds "
  + "0.50, 0.55, …, 0.95 that its IoU exceeds. Without salt in the truth: 1 for an empty mask, else 0.";

/**
 * A few digits; a dash where there is no value.
 * @param {number | undefined} value
 */
export function significant(value, digits = 3) {
  if (value === undefined || Number.isNaN(value)) return "–";
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}

/**
 * So many digits behind the point; what rounds to nothing has no sign.
 * @param {number} value
 * @param {number} digits
 */
export function fixed(value, digits, plus = "") {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return (value < 0 ? "−" : plus) + text;
}

/** A change, with its sign. @param {number} value @param {number} digits */
export const signed = (value, digits) => fixed(value, digits, "+");

/**
 * A place in a run; null is the finished network.
 * @param {number | null} epoch how many were complete
 * @param {number} learned how many the finished network learned for
 */
export function epochWords(epoch, learned) {
  if (epoch === null) return learned ? `finished, epoch ${learned}` : "finished";
  return epoch ? `epoch ${epoch} of ${learned}` : `epoch 0 of ${learned}, before learning`;
}

/**
 * How far one number is from another as both are written: who subtracts them finds it.  It may be one in the last digit
 * off what lies between the numbers themselves.
 * @param {number} one
 * @param {number} other
 * @param {number} digits
 */
export const writtenChange = (one, other, digits) => Number(other.toFixed(digits)) - Number(one.toFixed(digits));

/** A share as per cent, small ones with a digit behind the point. @param {number} share */
export const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
