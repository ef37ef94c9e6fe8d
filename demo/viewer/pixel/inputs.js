// The pixel and the box as numbers.

import { clamp } from "../lib/region.js";
import { h } from "../lib/dom.js";

/** @import { Box, Explorer, Place } from "../types.js" */

/** @param {Explorer} explorer */
export function pixelInputs(explorer) {
  const names = ["Row", "Column", "Height", "Width"];
  const inputs = names.map((name, i) => h("input", {
    type: "number", min: i < 2 ? 0 : 1, step: 1, inputmode: "numeric", "data-testid": `why-${name.toLowerCase()}`,
    onchange: read,
  }));

  function read() {
    const { height, width } = explorer.image;
    const [row, column, ...sides] = inputs.map((input) => Math.round(input.valueAsNumber));
    if (Number.isNaN(row) || Number.isNaN(column)) return; // the other number is still to come
    const [rows, columns] = [height, width].map((length, axis) => {
      const size = clamp(sides[axis] || 1, 1, length);
      return { start: clamp([row, column][axis] - (size >> 1), 0, length - size), size };
    });
    /** @type {Place} */
    const pixel = [rows.start + (rows.size >> 1), columns.start + (columns.size >> 1)];
    /** @type {Box} */
    const box = [rows.start, columns.start, rows.size, columns.size];
    explorer.set({ pixel, box: rows.size * columns.size > 1 ? box : null });
    write();
  }

  function write() {
    const { pixel, box } = explorer.state;
    const { height, width } = explorer.image;
    const most = [height - 1, width - 1, height, width];
    const values = [...(pixel ?? ["", ""]), box?.[2] ?? 1, box?.[3] ?? 1].map(String);
    inputs.forEach((input, i) => {
      input.max = String(most[i]);
      if (input.value !== values[i]) input.value = values[i];
    });
  }

  const row = h("div", { class: "row why-place" }, ...inputs.map((input, i) => h("label", {}, names[i], input)));
  return { row, write, focus: () => inputs[0].focus() };
}
