// Reads what incontext.explorables.base.pack wrote: fixed-point numbers in base64.

/** { shape, bits, low, step, codes } to nested arrays of that shape. */
export function unpack({ shape, bits, low, step, codes }) {
  const bytes = Uint8Array.from(atob(codes), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  const read = (axis) => {
    if (axis === shape.length) {
      const code = bits === 8 ? view.getUint8(at) : view.getUint16(at, true);
      at += bits / 8;
      return low + step * code;
    }
    return Array.from({ length: shape[axis] }, () => read(axis + 1));
  };
  return read(0);
}
