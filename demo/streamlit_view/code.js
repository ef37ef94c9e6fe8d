// The viewer's code on Streamlit's page: a component of its own that shows nothing, because what a component is made of
// travels with every message of it, and the viewer gets a message for every request.

import { leaveView, view } from "../viewer/viewer.js";

/** @param {any} component */
export default function ({ data }) {
  const code = { view, leaveView, style: data.style };
  /** @type {any} */ (globalThis).saltViewer = Promise.resolve(code);
  dispatchEvent(new CustomEvent("salt-viewer", { detail: code }));
}
