// The closed forms that a page computes by itself. Same definitions and names as src/incontext;
// the tests compare the two in float64.

/** exp(scores/T) / sum, computed with the maximum subtracted. All −∞ gives all zeros. */
export function softmax(scores, temperature = 1) {
  const maximum = Math.max(...scores);
  if (maximum === -Infinity) return scores.map(() => 0);
  const exponentials = scores.map((score) => Math.exp((score - maximum) / temperature));
  const total = sum(exponentials);
  return exponentials.map((value) => value / total);
}

/** −Σ w ln w in nats, with 0 ln 0 = 0. */
export function entropy(weights) {
  return sum(weights.map((weight) => (weight > 0 ? -weight * Math.log(weight) : 0)));
}

export function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

export function dot(a, b) {
  return sum(a.map((value, i) => value * b[i]));
}

export function cosine(a, b) {
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

export function argmax(values) {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
}

/** rows [n][d] times columns [d][m]. */
export function matmul(rows, columns) {
  return rows.map((row) => columns[0].map((_, j) => sum(row.map((value, i) => value * columns[i][j]))));
}

export function range(n) {
  return Array.from({ length: n }, (_, i) => i);
}
