// Ids of texts: for tests/unit/test_js_encoder.py. Usage: node wordpiece.mjs case.json
// { vocabulary: [token, …], texts: [text, …] }; prints [[id, …], …].
import { readFileSync } from "node:fs";
import { wordPiece } from "../engine/wordpiece.js";

const { vocabulary, texts } = JSON.parse(readFileSync(process.argv[2], "utf8"));
console.log(JSON.stringify(texts.map(wordPiece(vocabulary))));
