// BERT's tokenizer: text to the ids of its tokens. WordPiece takes the longest piece of the vocabulary
// that fits, from left to right; "##" marks a piece that goes on inside a word. Equal to the package
// tokenizers, with the settings of src/incontext/tokenization.py; the browser knows the marks and
// signs of newer versions of Unicode too, some 650 characters that few people write.

const LONGEST = 100; // characters of a word; a longer one is [UNK]
const SPECIAL = /(\[(?:PAD|UNK|CLS|SEP|MASK)\])/; // these may be typed, as they stand

// What counts as a blank, as no text, as a mark above or below a letter, as punctuation.
const BLANK = /[\t\n\r\p{White_Space}]/gu;
const NO_TEXT = /[\0\uFFFD]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;
const MARK = /\p{Mn}/gu;
const PUNCTUATION = /([!-/:-@[-`{-~]|\p{P})/u;
const CHINESE = /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;

/** Lower-cased, without accents and control characters, a blank around each Chinese character. */
export function normalised(text) {
  const spaced = text.replace(NO_TEXT, "").replace(BLANK, " ").replace(CHINESE, " $& ");
  // One character at a time: at the end of a word a Σ alone would become ς.
  return Array.from(spaced.normalize("NFD").replace(MARK, ""), (one) => one.toLowerCase()).join("");
}

/** vocabulary: the tokens in the order of their ids. Returns encode(text) → ids, [CLS] and [SEP]
 *  included. */
export function wordPiece(vocabulary) {
  const ids = new Map(vocabulary.map((token, id) => [token, id]));

  function piecesOf(word) {
    const characters = Array.from(word);
    if (characters.length > LONGEST) return ["[UNK]"];
    const pieces = [];
    for (let start = 0; start < characters.length;) {
      let end = characters.length;
      const piece = () => `${start > 0 ? "##" : ""}${characters.slice(start, end).join("")}`;
      while (end > start && !ids.has(piece())) end -= 1;
      if (end === start) return ["[UNK]"]; // one part that is unknown, and the whole word is
      pieces.push(piece());
      start = end;
    }
    return pieces;
  }

  return function encode(text) {
    const tokens = text.split(SPECIAL).flatMap((part, i) => (i % 2 ? [part] // typed as it stands
      : normalised(part).split(/\p{White_Space}+/u).flatMap((word) => word.split(PUNCTUATION)).filter(Boolean).flatMap(piecesOf)));
    return ["[CLS]", ...tokens, "[SEP]"].map((token) => ids.get(token));
  };
}
