// Lines of Python, joined to a script: imports first, each once, in the order of the standard library, others, ours.

const STANDARD = ["pathlib"];

/** 0 for the standard library, 1 for packages from elsewhere, 2 for this one. @param {string} module */
const importGroup = (module) => (STANDARD.includes(module) ? 0 : module.split(".")[0] === "unet" ? 2 : 1);

/** @param {string} a @param {string} b */
const byName = (a, b) => (a < b ? -1 : Number(a > b));

/** Lines one below the other; what is empty, null or false is none. @param {...(string | object | false | null)} lines */
export const pythonLines = (...lines) => lines.filter((line) => line).join("\n");

/**
 * @param {(string | false)[]} given blocks, each of some lines, its imports among them; what is empty or false is none
 * @returns {string}
 */
export function pythonScript(given) {
  const blocks = given.filter((block) => typeof block === "string");
  /** @type {Map<string, Set<string>>} */
  const named = new Map(); // module -> what is imported of it
  /** @type {Set<string>} */
  const whole = new Set(); // "import numpy as np"
  const bodies = blocks.map((block) => block.split("\n").filter((line) => {
    const [, module, names] = /^from (\S+) import (.+)$/.exec(line) ?? [];
    if (names) named.set(module, new Set([...named.get(module) ?? [], ...names.split(", ")]));
    else if (line.startsWith("import ")) whole.add(line);
    else return true;
    return false;
  }));
  const lines = [
    ...[...whole].map((line) => ({ module: line.split(" ")[1], line })),
    ...[...named].map(([module, names]) => ({ module, line: `from ${module} import ${[...names].sort(byName).join(", ")}` })),
  ];
  const groups = [0, 1, 2].map((group) => lines.filter(({ module }) => importGroup(module) === group)
    .sort((a, b) => byName(a.module, b.module)).map(({ line }) => line));
  return `${[...groups, ...bodies].filter((block) => block.some(Boolean)).map((block) => block.join("\n")).join("\n\n")}\n`;
}

/** A place, a box or several names as a tuple. @param {(number | string)[]} values */
export const pythonTuple = (values) =>
  `(${values.map((value) => JSON.stringify(value)).join(", ")}${values.length === 1 ? "," : ""})`;
