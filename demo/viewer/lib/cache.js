/**
 * A function whose result is remembered for every object, as long as there is that object.
 * @template {object} Key
 * @template Value
 * @param {(key: Key) => Value} make
 * @returns {(key: Key) => Value}
 */
export function cached(make) {
  const cache = new WeakMap();
  return (key) => { if (!cache.has(key)) cache.set(key, make(key)); return cache.get(key); };
}
