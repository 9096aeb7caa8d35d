// Reads beside the page, so that the page stays quick.

import { newReader } from "./reader.js";

const reader = newReader();

onmessage = ({ data: { id, what, given } }) => {
  try {
    postMessage({ id, answer: reader(what, given) });
  } catch (error) {
    postMessage({ id, error: String(error) });
  }
};
