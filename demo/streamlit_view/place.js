// Where the viewer stands on Streamlit's page, once its code (code.js) is there.

/**
 * A v2 component: called again with every message.
 * @param {any} component
 */
export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  const loaded = /** @type {any} */ (globalThis).saltViewer ??= new Promise((resolve) => {
    addEventListener("salt-viewer", (event) => resolve(/** @type {CustomEvent} */ (event).detail), { once: true });
  });
  const callbacks = {
    request: (/** @type {object} */ request, /** @type {number} */ drawn) =>
      setTriggerValue("request", { ...request, drawn }),
    settled: (/** @type {object} */ state, /** @type {number} */ drawn) => setStateValue("view", { ...state, drawn }),
    confirms: true,
  };
  loaded.then((/** @type {any} */ { view, style }) => {
    if (!parentElement.querySelector("style.viewer-style")) {
      const sheet = document.createElement("style");
      sheet.className = "viewer-style";
      sheet.textContent = style;
      parentElement.append(sheet);
    }
    view(parentElement, data, callbacks);
  });
  // Streamlit also takes back a message that the next one overtook, when that one's viewer stands here already.
  return () => loaded.then((/** @type {any} */ { leaveView }) => {
    if (!parentElement.isConnected) leaveView(parentElement);
  });
}
