// Reads sentences with the packed encoder: in a worker, or in the page where workers are refused.
// It hears (what, given) and answers; reading.js loads the parts and asks.

import { encoder } from "./encoder.js";
import { PackedModel } from "./packed.js";
import { wordPiece } from "./wordpiece.js";

export function newReader() {
  let [packed, vocabulary, encode] = [];
  const vectors = new Map(); // of the book's sentences: by text, the state of the word after each layer

  const see = (ids) => encoder(packed.model, ids);
  const idsOf = (texts) => texts.map((text) => encode(text));

  const DO = {
    index(index) { packed = new PackedModel(index); },
    part({ name, told }) {
      if (name !== "vocabulary") return packed.take(name, told);
      vocabulary = told.split("\n");
      encode = wordPiece(vocabulary);
    },
    /** The tokens of the first text, and the blocks of the table that are missing for all of them. */
    tokens(texts) {
      const ids = idsOf(texts);
      return { tokens: ids[0].map((id) => vocabulary[id]), missing: packed.missing(ids.flat()) };
    },
    /** Scores before softmax, [layer][head], T × T in one array. */
    scores(text) {
      return see(encode(text)).scores.map((heads) => heads.map(({ data }) => data));
    },
    /** The cosine of each token of the text with `word` in each of the sentences: [layer][token][sentence],
     *  layer 0 being the embeddings. */
    cosines({ text, word, sentences }) {
      const id = vocabulary.indexOf(word);
      for (const one of sentences.filter((sentence) => !vectors.has(`${word} ${sentence}`))) {
        const ids = encode(one);
        vectors.set(`${word} ${one}`, see(ids).hiddenStates.map((x) => unit(x, ids.indexOf(id))));
      }
      return see(encode(text)).hiddenStates.map((x, layer) => Array.from({ length: x.rows }, (_, t) => {
        const own = unit(x, t);
        return sentences.map((one) => dot(own, vectors.get(`${word} ${one}`)[layer]));
      }));
    },
  };
  return (what, given) => DO[what](given);
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** Row t of x, scaled to length 1. */
function unit({ cols, data }, t) {
  const row = Float64Array.from(data.subarray(t * cols, (t + 1) * cols));
  const length = Math.sqrt(dot(row, row));
  return row.map((value) => value / length);
}
