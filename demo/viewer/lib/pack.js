// What demo/explorer.py packs: deflated; four bytes that say how long the JSON is, the JSON, then the arrays it names.

/** @import { Message } from "../types.js" */

/** @type {Record<string, Uint8ArrayConstructor | Float32ArrayConstructor>} */
const ARRAYS = { u1: Uint8Array, f4: Float32Array };

/** @param {{ array: string, length: number }} entry @param {ArrayBuffer} buffer @param {number} at */
const plainArray = ({ array, length }, buffer, at) => new ARRAYS[array](buffer, at, length);

/**
 * @param {Uint8Array<ArrayBuffer>} packed
 * @param {(entry: any, buffer: ArrayBuffer, at: number) => Uint8Array | Float32Array} read an array, from its entry in the JSON
 * @returns {Promise<Message>} its arrays are Uint8Array and Float32Array
 */
export async function unpack(packed, read = plainArray) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  const start = 4 + length; // a multiple of four: Float32Array wants it
  return JSON.parse(text, (_, value) =>
    value?.array ? read(value, buffer, start + value.offset) : value,
  );
}

/** @param {string} text */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
