// PNG files (ISO/IEC 15948), written here: the pixels of a figure's rasters have to be exactly those that were computed,
// and a canvas knows nothing of dots per inch.

const PNG_SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const PNG_HEADER = 8 + 25; // bytes of signature and IHDR: what else is said of the image follows
const INCH = 0.0254; // metres
const GREY = 0, RGBA = 6, BITS = 8;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, number) => {
  let crc = number;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** @param {Uint8Array} bytes */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Length, name, data, checksum. @param {string} name @param {Uint8Array} data */
function pngChunk(name, data) {
  const chunk = new Uint8Array(12 + data.length), view = new DataView(chunk.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) chunk[4 + i] = name.charCodeAt(i);
  chunk.set(data, 8);
  view.setUint32(8 + data.length, crc32(chunk.subarray(4, 8 + data.length)));
  return chunk;
}

/**
 * @param {Uint8Array} bytes of each pixel, row by row: its grey, or red, green, blue and opacity
 * @param {number} width
 * @param {number} height
 * @returns {Promise<Blob>}
 */
export async function encodePng(bytes, width, height) {
  const long = bytes.length / height; // bytes of a row
  const lines = new Uint8Array(height * (1 + long)); // before each row the number of its filter: none
  for (let row = 0; row < height; row++) lines.set(bytes.subarray(row * long, (row + 1) * long), row * (1 + long) + 1);
  const deflated = new Blob([lines]).stream().pipeThrough(new CompressionStream("deflate"));
  const header = new Uint8Array(13), view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([BITS, long === width ? GREY : RGBA], 8);
  return new Blob([
    new Uint8Array(PNG_SIGNATURE), pngChunk("IHDR", header),
    pngChunk("IDAT", new Uint8Array(await new Response(deflated).arrayBuffer())), pngChunk("IEND", new Uint8Array()),
  ], { type: "image/png" });
}

/** The same file, which says how large it is on paper. @param {Blob} png @param {number} dpi */
export async function withDensity(png, dpi) {
  const density = new Uint8Array(9), view = new DataView(density.buffer);
  const perMetre = Math.round(dpi / INCH);
  view.setUint32(0, perMetre);
  view.setUint32(4, perMetre);
  density[8] = 1; // of a metre
  return new Blob([png.slice(0, PNG_HEADER), pngChunk("pHYs", density), png.slice(PNG_HEADER)], { type: "image/png" });
}

/** @param {Blob} blob @returns {Promise<string>} */
export function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
