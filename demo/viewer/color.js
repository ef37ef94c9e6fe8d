// Values to colours.  Zero has one colour everywhere: where no value is negative, dark blue is 0 and yellow the largest;
// where any is, blue is negative, white 0 and orange positive.  unet/render.py:feature_tiles has the same rule.

const packedPalettes = new WeakMap();

// explorer.palette -> its colours as one number each, the way the pixels of a canvas lie in memory.
function packedPalette(palette) {
  if (!packedPalettes.has(palette)) {
    const packed = (rgb) => {
      const colors = new Uint32Array(rgb.length / 3);
      new Uint8Array(colors.buffer).set(Array.from(colors, (_, i) => [...rgb.slice(3 * i, 3 * i + 3), 255]).flat());
      return colors;
    };
    packedPalettes.set(palette, { sequential: packed(palette.sequential), diverging: packed(palette.diverging) });
  }
  return packedPalettes.get(palette);
}

const mapScales = new WeakMap();

// What the maps of a site are scaled by: the largest absolute value of each (limits) and of all (limit).
// signed: some value of some map is negative, so all of the site's maps are drawn around white.
export function mapScale(map) {
  if (!mapScales.has(map)) {
    const limits = Float32Array.from(map.low, (low, channel) => Math.max(Math.abs(low), Math.abs(map.high[channel])));
    const limit = limits.reduce((most, own) => Math.max(most, own), 0);
    mapScales.set(map, { signed: map.low.some((low) => low < 0), limits, limit });
  }
  return mapScales.get(map);
}

// A function from values to packed colours; limit is the value that gets the last colour.
export function colorScale(palette, limit, signed) {
  const { sequential, diverging } = packedPalette(palette);
  const factor = limit > 0 ? (signed ? 127 : 255) / limit : 0;
  if (signed) return (value) => diverging[127 + Math.max(-127, Math.min(127, Math.round(value * factor)))];
  return (value) => sequential[Math.max(0, Math.min(255, Math.round(value * factor)))];
}

// The packed colour of each of a map's 256 levels; shared: one scale for all maps of the site instead of its own.
export function mapColors(map, channel, palette, shared = false) {
  const { signed, limits, limit } = mapScale(map);
  const color = colorScale(palette, shared ? limit : limits[channel], signed);
  const low = map.low[channel];
  const step = (map.high[channel] - low) / 255;
  return Uint32Array.from({ length: 256 }, (_, level) => color(low + step * level));
}

// One map of a site onto a canvas of its size.
export function paintMap(canvas, map, channel, palette, shared = false) {
  const { height, width, values } = map;
  const colors = mapColors(map, channel, palette, shared);
  const start = channel * height * width;
  paintPixels(canvas, height, width, (pixels) => {
    for (let i = 0; i < pixels.length; i++) pixels[i] = colors[values[start + i]];
  });
}

// Any (height * width) values onto a canvas of that size.
export function paintValues(canvas, values, height, width, palette, limit, signed) {
  const color = colorScale(palette, limit, signed);
  paintPixels(canvas, height, width, (pixels) => {
    for (let i = 0; i < pixels.length; i++) pixels[i] = color(values[i]);
  });
}

// fill gets one number per pixel to set, transparent at first.
export function paintPixels(canvas, height, width, fill) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const image = new ImageData(width, height);
  fill(new Uint32Array(image.data.buffer));
  canvas.getContext("2d").putImageData(image, 0, 0);
}
