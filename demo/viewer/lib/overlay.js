// One panel's map over the image: it steps aside while there is nothing to show, and gives way to another panel's.

/** @import { Explorer, Overlay, Palette } from "../types.js" */

/**
 * What the colours of a map over the image mean, for `Overlay.scale`.
 * @param {Palette} palette
 * @param {boolean} signed
 * @param {string} limit the value of the last colour
 * @param {string} quantity
 */
export const overlayScale = ({ sequential, diverging }, signed, limit, quantity) =>
  ({ colors: signed ? diverging : sequential, low: signed ? `−${limit}` : "0", high: limit, quantity });

/** @param {Explorer} explorer @param {string} owner the panel */
export function overlayOf(explorer, owner) {
  let wanted = false;
  let aside = false;
  const isMine = () => explorer.state.overlay?.owner === owner;
  const takeOff = () => explorer.set({ overlay: null }, { settled: false });
  return {
    wanted: () => wanted,
    /** @param {Omit<Overlay, "owner">} layer */
    lay(layer) {
      wanted = true;
      aside = false;
      explorer.set({ overlay: { owner, ...layer } }, { settled: false });
    },
    stepAside() { if (!wanted || !isMine()) return; aside = true; takeOff(); },
    drop() { wanted = false; if (isMine()) takeOff(); },
    /** To be called with every update: a user who takes it off, or another panel's map, ends ours. */
    follow() { if (explorer.state.overlay ? !isMine() : !aside) wanted = false; },
  };
}
