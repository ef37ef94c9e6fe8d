// Many small images side by side, each a button that opens it.
//
// `data` is what demo/views/export.py sends.  Sorting happens here; only a click on an image reaches Python.  Names come
// from outside and are always text.

/**
 * @typedef {{ name: string, thumbnail: string, share: number, highest: number, iou: number | null,
 *   competition: number | null, disagreement: number | null }} Row  thumbnail: WebP as Base64; IoU and competition need a
 *   ground truth, disagreement a second network
 * @typedef {{ key: string, open: string, other: string | null, rows: Row[] }} Data  key: changes with everything that is
 *   shown; other: the weights of the second network
 */

/** @type {Record<string, string>} */
const ORDERS = {
  name: "Name", share: "Salt area", highest: "Highest probability", iou: "IoU", competition: "mAP",
  disagreement: "Disagreement",
};
const MAP_MEANING = "mAP, the competition's metric, of this image alone: the share of the IoU thresholds 0.50, 0.55, …, 0.95 "
  + "that its IoU exceeds";
const numbered = new Intl.Collator(undefined, { numeric: true }).compare; // img2 before img10
const lettered = new Intl.Collator().compare;

/**
 * Whether a name is a hexadecimal id, as 00a1e9f0.png: its digits are no numbers.
 * @param {string} name
 */
function isHexadecimal(name) {
  const stem = name.replace(/\.\w+$/, "");
  return /^[0-9a-f]{8,}$/i.test(stem) && /\d/.test(stem) && /[a-f]/i.test(stem);
}

/** @type {WeakMap<HTMLElement, ReturnType<typeof build>>} */
const galleries = new WeakMap();
// As long as the page is loaded, so that the order is still there when one comes back from an image.
let order = "name";
let reversed = false;
/** @type {string | null} */
let other = null; // the second network that the images were last sorted for

/** @param {any} component */
export default function ({ parentElement, data, setTriggerValue }) {
  const update = galleries.get(parentElement) ?? build(parentElement);
  galleries.set(parentElement, update);
  update(data, (name) => setTriggerValue("open", name));
}

/** @param {HTMLElement} root */
function build(root) {
  const list = element("ul");
  const select = element("select");
  const reverse = element("button", "reverse", "Reverse");
  const label = element("label", "", "Sort by ");
  label.append(select);
  const sorting = element("div", "sorting");
  sorting.append(label, reverse);
  const box = element("div", "salt-gallery");
  box.append(sorting, list);
  root.append(box);

  let key = "";
  /** @type {{ row: Row, item: HTMLElement }[]} */
  let items = [];
  let open = (/** @type {string} */ _) => {};
  select.onchange = () => { order = select.value; sort(); };
  reverse.onclick = () => { reversed = !reversed; sort(); };

  /** Names rise, numbers fall; images without the number come last either way. */
  function sort() {
    reverse.ariaPressed = String(reversed);
    const sign = reversed ? -1 : 1;
    const byName = items.some(({ row }) => isHexadecimal(row.name)) ? lettered : numbered;
    items.sort(({ row: one }, { row: other }) => {
      const names = byName(one.name, other.name);
      if (order === "name") return sign * names;
      const [left, right] = [one, other].map((row) => /** @type {any} */ (row)[order]);
      if (left === null || right === null) return Number(left === null) - Number(right === null) || names;
      return sign * (right - left) || names;
    });
    list.append(...items.map(({ item }) => item));
  }

  /** @param {Data} data @param {(name: string) => void} callback a click on an image */
  return function update(data, callback) {
    open = callback;
    if (key === data.key) return;
    key = data.key;
    items = data.rows.map((row) => ({ row, item: makeItem(row, row.name === data.open, (name) => open(name)) }));
    // What a second network was chosen for.
    if (other !== data.other && data.other !== null) [order, reversed] = ["disagreement", false];
    other = data.other;
    const isKnown = (/** @type {string} */ name) => data.rows.some((row) => /** @type {any} */ (row)[name] !== null);
    const names = Object.keys(ORDERS).filter(isKnown);
    if (!names.includes(order)) order = "name";
    select.replaceChildren(...names.map((name) => new Option(ORDERS[name], name, false, name === order)));
    list.replaceChildren();
    sort();
  };
}

/** @param {Row} row @param {boolean} isOpen @param {(name: string) => void} open */
function makeItem(row, isOpen, open) {
  const image = element("img");
  image.src = `data:image/webp;base64,${row.thumbnail}`;
  image.alt = ""; // the words beside it say what it shows
  image.decoding = "async";
  const button = element("button", "image");
  if (isOpen) button.ariaCurrent = "true";
  button.onclick = () => open(row.name);
  const lines = [`salt ${(100 * row.share).toFixed(1)} %`, `highest ${row.highest.toFixed(2)}`];
  if (row.iou !== null) lines.push(`IoU ${row.iou.toFixed(3)}`, `mAP ${row.competition?.toFixed(1)}`);
  if (row.disagreement !== null) lines.push(`disagree ${(100 * row.disagreement).toFixed(1)} %`);
  button.title = row.iou === null ? row.name : `${row.name}; ${MAP_MEANING}`;
  button.append(image, element("span", "name", row.name), ...lines.map((line) => element("span", "figures", line)));
  const item = element("li");
  item.append(button);
  return item;
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 */
function element(tag, name = "", text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}
