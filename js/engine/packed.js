// Reads what src/incontext/packing.py wrote: letters to bytes, bytes to the weights of encoder.js.

import { matrix } from "./encoder.js";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PLACES = new Uint8Array(128);
[...LETTERS].forEach((letter, i) => { PLACES[letter.charCodeAt(0)] = i; });

/** The lower six bits of each byte stand first, then the upper two, three bytes to a letter. */
export function bytesOf(letters) {
  const bytes = new Uint8Array(Math.floor((letters.length * 3) / 4));
  for (let i = 0, at = bytes.length; i < bytes.length; at++) {
    const upper = PLACES[letters.charCodeAt(at)];
    for (let shift = 0; shift < 6 && i < bytes.length; shift += 2, i++) {
      bytes[i] = PLACES[letters.charCodeAt(i)] | (((upper >> shift) & 3) << 6);
    }
  }
  return bytes;
}

/** rows × cols weights in groups of `group`: codes, each times the scale of its group. */
export function weightsOf(bytes, rows, cols, group) {
  const codes = new Int8Array(bytes.buffer, bytes.byteOffset, rows * cols);
  const halves = new DataView(bytes.buffer, bytes.byteOffset + rows * cols);
  const scales = new Float32Array((rows * cols) / group);
  const upper = new Uint32Array(scales.buffer); // a scale is the upper half of a float32
  for (let g = 0; g < upper.length; g++) upper[g] = halves.getUint16(2 * g, true) << 16;
  const out = matrix(rows, cols);
  for (let i = 0; i < codes.length; i++) out.data[i] = codes[i] * scales[Math.floor(i / group)];
  return out;
}

/** The tensors of a part, under their names: { attention: { q_proj: { weight, bias }, … }, … }. */
export function tensorsOf(bytes, described) {
  const found = {};
  let at = 0;
  for (const [name, rows, cols, group] of described) {
    const length = cols ? rows * cols + 2 * (rows * cols / group) : 4 * rows;
    const own = bytes.slice(at, at + length);
    const path = name.split(".");
    const last = path.pop();
    const place = path.reduce((inside, step) => (inside[step] ??= {}), found);
    place[last] = cols ? weightsOf(own, rows, cols, group) : matrix(1, rows, new Float32Array(own.buffer));
    at += length;
  }
  return found;
}

/** A model for encoder.js that is filled part by part. */
export class PackedModel {
  constructor(index) {
    this.index = index;
    this.model = { heads: index.heads, eps: index.eps, blocks: [], token: (id) => this.row(id) };
    this.tables = new Map(); // blocks of the table of tokens
  }

  take(name, letters) {
    const bytes = bytesOf(letters);
    const { width, block, token_group: group, parts, vocab_size: size } = this.index;
    if (name.startsWith("tokens-")) {
      const at = Number(name.slice(7));
      this.tables.set(at, weightsOf(bytes, Math.min(block, size - at * block), width, group));
      return;
    }
    const tensors = tensorsOf(bytes, parts[name].tensors);
    if (name === "embeddings") {
      tensors.position_embedding.weight.cols = width; // one row after the other
      Object.assign(this.model, tensors);
    } else {
      Object.assign((this.model.blocks[Number(name.split("-")[1]) - 1] ??= {}), tensors);
    }
  }

  /** The names of the blocks of the table that these tokens need and that are not here. */
  missing(ids) {
    const blocks = new Set(ids.map((id) => Math.floor(id / this.index.block)));
    return [...blocks].filter((at) => !this.tables.has(at)).map((at) => `tokens-${at}`);
  }

  row(id) {
    const { block, width } = this.index;
    const at = (id % block) * width;
    return this.tables.get(Math.floor(id / block)).data.subarray(at, at + width);
  }
}
