// An encoder that reads, in one file: what src/incontext/transformer.py and block.py compute forward,
// with nothing but loops.
//
//     x ← Norm(token + type + position)
//     x ← Norm(x + Attention(x))        x ← Norm(x + FFN(x))        in each block (post-norm)
//     Attention(Q, K, V) = softmax(Q Kᵀ / √d_k) V                   in each head
//     FFN(x) = W₂ GELU(W₁ x + b₁) + b₂
//
// Everything is a matrix with a row for each token. Sums are in float64 and results in float32, so they
// agree with PyTorch's float32 on the same weights to about 1e-5.
//
// Axes: T tokens and queries, S keys (the same tokens), C d_model, H heads, D d_k = C / H.

/** rows × cols numbers. */
export const matrix = (rows, cols, data = new Float32Array(rows * cols)) => ({ rows, cols, data });

const rowOf = ({ cols, data }, i) => data.subarray(i * cols, (i + 1) * cols);

/** What the encoder sees in the tokens `ids`.
 *  model: { heads, eps, token(id) → a row, position_embedding, type_embedding, embedding_norm, blocks };
 *  each block has attention, attention_norm, feed_forward and feed_forward_norm, each map { weight
 *  [out, in], bias }, as in Python.
 *  Returns hiddenStates (the embeddings, then each layer's [T, C]) and, for each layer, scores and
 *  attentions, [T, S] of each head. */
export function encoder(model, ids) {
  let x = embed(model, ids);
  const seen = { hiddenStates: [x], scores: [], attentions: [] };
  for (const block of model.blocks) {
    const attended = attention(block.attention, x, model.heads);
    x = layerNorm(add(x, attended.output), block.attention_norm, model.eps);
    x = layerNorm(add(x, feedForward(block.feed_forward, x)), block.feed_forward_norm, model.eps);
    seen.hiddenStates.push(x);
    seen.scores.push(attended.scores);
    seen.attentions.push(attended.weights);
  }
  return seen;
}

/** Token, type and position, added and normalised. Every token is of the first type. */
function embed({ token, position_embedding: position, type_embedding: type, embedding_norm: norm, eps }, ids) {
  const x = matrix(ids.length, norm.weight.data.length);
  ids.forEach((id, t) => {
    const [row, ofToken, ofPosition] = [rowOf(x, t), token(id), rowOf(position.weight, t)];
    for (let c = 0; c < x.cols; c++) row[c] = ofToken[c] + type.weight.data[c] + ofPosition[c];
  });
  return layerNorm(x, norm, eps);
}

/** softmax(Q Kᵀ / √d_k) V in each head, then the output projection. */
function attention({ q_proj, k_proj, v_proj, out_proj }, x, heads) {
  const [query, key, value] = [q_proj, k_proj, v_proj].map((projection) => linear(x, projection));
  const [T, D] = [x.rows, x.cols / heads];
  const mixed = matrix(T, x.cols);
  const [scores, weights] = [[], []];
  for (let head = 0; head < heads; head++) {
    const first = head * D; // of the head's columns
    const ofHead = matrix(T, T);
    for (let t = 0; t < T; t++) {
      for (let s = 0; s < T; s++) {
        let dot = 0;
        for (let d = first; d < first + D; d++) dot += query.data[t * x.cols + d] * key.data[s * x.cols + d];
        ofHead.data[t * T + s] = dot / Math.sqrt(D);
      }
    }
    const shares = softmax(ofHead);
    for (let t = 0; t < T; t++) {
      for (let d = first; d < first + D; d++) {
        let sum = 0;
        for (let s = 0; s < T; s++) sum += shares.data[t * T + s] * value.data[s * x.cols + d];
        mixed.data[t * x.cols + d] = sum;
      }
    }
    scores.push(ofHead);
    weights.push(shares);
  }
  return { output: linear(mixed, out_proj), scores, weights };
}

/** W₂ GELU(W₁ x + b₁) + b₂, on each token alone. */
function feedForward({ up, down }, x) {
  const inner = linear(x, up);
  for (let i = 0; i < inner.data.length; i++) inner.data[i] = gelu(inner.data[i]);
  return linear(inner, down);
}

/** x Wᵀ + b, with W as nn.Linear keeps it: [out, in]. Four rows of x and two of W at a time, so that
 *  each number that is read serves several products; where fewer are left, the last one again. */
export function linear(x, { weight, bias }) {
  const out = matrix(x.rows, weight.rows);
  const [X, W, n] = [Float64Array.from(x.data), weight.data, x.cols];
  for (let j = 0; j < out.cols; j += 2) {
    const j1 = Math.min(j + 1, out.cols - 1);
    for (let i = 0; i < x.rows; i += 4) {
      const [i1, i2, i3] = [1, 2, 3].map((more) => Math.min(i + more, x.rows - 1));
      let [a0, a1, a2, a3] = [0, 0, 0, 0];
      let [b0, b1, b2, b3] = [0, 0, 0, 0];
      let [w, w1, r, r1, r2, r3] = [j * n, j1 * n, i * n, i1 * n, i2 * n, i3 * n];
      for (const end = w + n; w < end; w++, w1++, r++, r1++, r2++, r3++) {
        const a = W[w];
        const b = W[w1];
        const x0 = X[r];
        const x1 = X[r1];
        const x2 = X[r2];
        const x3 = X[r3];
        a0 += a * x0; a1 += a * x1; a2 += a * x2; a3 += a * x3;
        b0 += b * x0; b1 += b * x1; b2 += b * x2; b3 += b * x3;
      }
      [a0, a1, a2, a3].forEach((sum, at) => { if (i + at < x.rows) out.data[(i + at) * out.cols + j] = sum + bias.data[j]; });
      [b0, b1, b2, b3].forEach((sum, at) => { if (i + at < x.rows) out.data[(i + at) * out.cols + j1] = sum + bias.data[j1]; });
    }
  }
  return out;
}

function add(a, b) {
  return matrix(a.rows, a.cols, a.data.map((value, i) => value + b.data[i]));
}

/** exp(s) / Σ exp(s) in each row, the largest subtracted first. */
function softmax(scores) {
  const out = matrix(scores.rows, scores.cols);
  for (let t = 0; t < scores.rows; t++) {
    const [from, to] = [rowOf(scores, t), rowOf(out, t)];
    const largest = Math.max(...from);
    let total = 0;
    for (let s = 0; s < from.length; s++) total += to[s] = Math.exp(from[s] - largest);
    for (let s = 0; s < from.length; s++) to[s] /= total;
  }
  return out;
}

/** γ (x − mean) / √(variance + ε) + β, each row on its own. */
function layerNorm(x, { weight, bias }, eps) {
  const out = matrix(x.rows, x.cols);
  for (let t = 0; t < x.rows; t++) {
    const [from, to] = [rowOf(x, t), rowOf(out, t)];
    let mean = 0;
    for (const value of from) mean += value / x.cols;
    let variance = 0;
    for (const value of from) variance += (value - mean) ** 2 / x.cols;
    const scale = 1 / Math.sqrt(variance + eps);
    for (let c = 0; c < x.cols; c++) to[c] = weight.data[c] * (from[c] - mean) * scale + bias.data[c];
  }
  return out;
}

/** x Φ(x), Φ the normal distribution. */
export const gelu = (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));

/** The error function, which JavaScript lacks, to 1.5e-7: Abramowitz and Stegun (1964), 7.1.26. */
export function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}
