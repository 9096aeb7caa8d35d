// Reads what incontext.explorables.base.pack wrote: fixed-point numbers in base64.

const decoded = new WeakMap();

/** { shape, bits, low, step, codes } to nested arrays of that shape; with leading indices, the part
 *  of it that stands there: unpack(packed, 2, 0) is unpack(packed)[2][0]. */
export function unpack(packed, ...indices) {
  const { shape, bits, low, step } = packed;
  const codes = codesOf(packed);
  let at = 0;
  shape.forEach((length, axis) => { at = at * length + (indices[axis] ?? 0); });
  const read = (axis) => {
    if (axis === shape.length) {
      const code = bits === 8 ? codes.getUint8(at) : codes.getUint16(2 * at, true);
      at += 1;
      return low + step * code;
    }
    return Array.from({ length: shape[axis] }, () => read(axis + 1));
  };
  return read(indices.length);
}

function codesOf(packed) {
  if (!decoded.has(packed)) {
    const text = atob(packed.codes);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
    decoded.set(packed, new DataView(bytes.buffer));
  }
  return decoded.get(packed);
}
