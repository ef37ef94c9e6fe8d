// What demo/explorer.py packs: deflated; four bytes that say how long the JSON is, the JSON, then the arrays it names.

/** @import { Message } from "../types.js" */

/** @type {Record<string, Uint8ArrayConstructor | Float32ArrayConstructor>} */
const ARRAYS = { u1: Uint8Array, f4: Float32Array };

/**
 * @param {Uint8Array<ArrayBuffer>} packed
 * @returns {Promise<Message>} its arrays are Uint8Array and Float32Array
 */
export async function unpack(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  const start = 4 + length; // a multiple of four: Float32Array wants it
  return JSON.parse(text, (_, value) =>
    value?.array ? new ARRAYS[value.array](buffer, start + value.offset, value.length) : value,
  );
}

/** @param {string} text */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
