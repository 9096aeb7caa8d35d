// Tokens in a sentence.

/** A token in quotes, with its position where the same token stands elsewhere too. */
export function nameOf(tokens, i) {
  const alone = tokens.indexOf(tokens[i]) === tokens.lastIndexOf(tokens[i]);
  return `“${tokens[i]}”${alone ? "" : ` (position ${i + 1})`}`;
}
