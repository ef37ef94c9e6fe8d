// Many images as a strip of small ones, each a button that opens it.
//
// `data` is what demo/views/take_it_away.py sends: {key, open, rows}.  Sorting happens here; only a click on an image
// reaches Python.  Names come from outside and are always text.

const ORDERS = {
  name: "Name",
  share: "Salt area",
  highest: "Highest probability",
  iou: "IoU",
  competition: "Competition score",
};
const byName = new Intl.Collator(undefined, { numeric: true }).compare;

const strips = new WeakMap();
// Kept while the page is loaded, so that the order is still there when one comes back from an image.
let order = "name";
let reversed = false;

export default function ({ parentElement, data, setTriggerValue }) {
  if (!strips.has(parentElement)) strips.set(parentElement, build(parentElement));
  strips.get(parentElement)(data, (label) => setTriggerValue("open", label));
}

function build(root) {
  const list = element("ul");
  const select = element("select");
  const reverse = element("button", "reverse", "Reverse");
  reverse.type = "button";
  const label = element("label", "", "Sort by ");
  label.append(select);
  const sorting = element("div", "sorting");
  sorting.append(label, reverse);
  const box = element("div", "salt-strip");
  box.append(sorting, list);
  root.append(box);

  let shown = null;
  let open = () => {};
  select.onchange = () => {
    order = select.value;
    sort();
  };
  reverse.onclick = () => {
    reversed = !reversed;
    sort();
  };

  // Names rise, numbers fall; images without the number come last either way.
  function sort() {
    reverse.ariaPressed = String(reversed);
    const sign = reversed ? -1 : 1;
    const compare = (one, other) => {
      if (order === "name") return sign * byName(one.row.name, other.row.name);
      const [left, right] = [one.row[order], other.row[order]];
      if (left === null || right === null) return (left === null) - (right === null);
      return sign * (right - left) || byName(one.row.name, other.row.name);
    };
    list.append(...shown.items.sort(compare).map(({ item }) => item));
  }

  return function update(data, callback) {
    open = callback;
    if (shown?.key === data.key) return;
    const items = data.rows.map((row) => ({ row, item: image(row, row.name === data.open, (name) => open(name)) }));
    shown = { key: data.key, items };
    const scored = data.rows.some(({ iou }) => iou !== null);
    const names = Object.keys(ORDERS).filter((name) => scored || (name !== "iou" && name !== "competition"));
    if (!names.includes(order)) order = "name";
    select.replaceChildren(...names.map((name) => new Option(ORDERS[name], name, false, name === order)));
    list.replaceChildren();
    sort();
  };
}

function image(row, isOpen, open) {
  const image = element("img");
  image.src = `data:image/webp;base64,${row.thumbnail}`;
  image.alt = ""; // the words beside it say what it shows
  image.decoding = "async";
  const button = element("button", "image");
  button.type = "button";
  button.title = row.name;
  if (isOpen) button.ariaCurrent = "true";
  button.onclick = () => open(row.name);
  const lines = [`salt ${(100 * row.share).toFixed(1)} %`, `highest ${row.highest.toFixed(2)}`];
  if (row.iou !== null) lines.push(`IoU ${row.iou.toFixed(3)}`, `score ${row.competition.toFixed(1)}`);
  button.append(image, element("span", "name", row.name), ...lines.map((line) => element("span", "figures", line)));
  const item = element("li");
  item.append(button);
  return item;
}

function element(tag, name = "", text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}
