// A transformer that learns, in one file: forward, backward and AdamW, with nothing but loops.
//
// Everything is a matrix with a row for each token. An operation computes its result at once and
// writes on the tape how gradients flow back through it; `backward` plays the tape from its end. The
// tokens of all sentences of a batch lie one below the other, so only attention has to know where a
// sentence begins and ends.
//
// The same model as src/incontext/training.py: pre-norm, ReLU, learned positions, the table of
// tokens as the output matrix. Loss and every gradient equal PyTorch's to 1e-9 in float64.

/** rows × cols numbers, and as many for the gradient of the loss by each. */
export function matrix(rows, cols, Numbers = Float32Array) {
  return { rows, cols, data: new Numbers(rows * cols), grad: new Numbers(rows * cols) };
}

const like = (x, rows = x.rows, cols = x.cols) => matrix(rows, cols, x.data.constructor);

// Products, the inner loop along rows: out += a·b, a·bᵀ, aᵀ·b.

function addProduct(out, a, b, n, inner, m) {
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < inner; k++) {
      const x = a[i * inner + k];
      if (x === 0) continue;
      for (let j = 0; j < m; j++) out[i * m + j] += x * b[k * m + j];
    }
  }
}

function addProductTransposed(out, a, b, n, inner, m) {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a[i * inner + k] * b[j * inner + k];
      out[i * m + j] += sum;
    }
  }
}

function addTransposedProduct(out, a, b, n, inner, m) {
  for (let k = 0; k < inner; k++) {
    for (let i = 0; i < n; i++) {
      const x = a[k * n + i];
      if (x === 0) continue;
      for (let j = 0; j < m; j++) out[i * m + j] += x * b[k * m + j];
    }
  }
}

// Operations. Each takes the tape first.

/** Rows of a table: token i is row i. */
export function lookup(tape, table, ids) {
  const out = like(table, ids.length);
  const width = table.cols;
  ids.forEach((id, row) => out.data.set(table.data.subarray(id * width, (id + 1) * width), row * width));
  tape.push(() => {
    ids.forEach((id, row) => {
      for (let c = 0; c < width; c++) table.grad[id * width + c] += out.grad[row * width + c];
    });
  });
  return out;
}

/** a + b, entry by entry. */
export function add(tape, a, b) {
  const out = like(a);
  for (let i = 0; i < out.data.length; i++) out.data[i] = a.data[i] + b.data[i];
  tape.push(() => {
    for (let i = 0; i < out.grad.length; i++) {
      a.grad[i] += out.grad[i];
      b.grad[i] += out.grad[i];
    }
  });
  return out;
}

/** x·Wᵀ + b, with W as nn.Linear keeps it: [out, in]. */
export function linear(tape, x, weight, bias) {
  const out = like(x, x.rows, weight.rows);
  if (bias) for (let i = 0; i < x.rows; i++) out.data.set(bias.data, i * out.cols);
  addProductTransposed(out.data, x.data, weight.data, x.rows, x.cols, weight.rows);
  tape.push(() => {
    addProduct(x.grad, out.grad, weight.data, x.rows, weight.rows, x.cols);
    addTransposedProduct(weight.grad, out.grad, x.data, weight.rows, x.rows, x.cols);
    if (bias) out.grad.forEach((g, i) => { bias.grad[i % out.cols] += g; });
  });
  return out;
}

export function relu(tape, x) {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = Math.max(0, x.data[i]);
  tape.push(() => {
    for (let i = 0; i < out.grad.length; i++) if (x.data[i] > 0) x.grad[i] += out.grad[i];
  });
  return out;
}

/** γ (x − mean) / √(variance + ε) + β, each row on its own. */
export function layerNorm(tape, x, gain, offset, eps = 1e-5) {
  const out = like(x);
  const { rows, cols } = x;
  const normal = new Float64Array(rows * cols);
  const scale = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    let mean = 0;
    for (let c = 0; c < cols; c++) mean += x.data[i * cols + c] / cols;
    let variance = 0;
    for (let c = 0; c < cols; c++) variance += (x.data[i * cols + c] - mean) ** 2 / cols;
    scale[i] = 1 / Math.sqrt(variance + eps);
    for (let c = 0; c < cols; c++) {
      normal[i * cols + c] = (x.data[i * cols + c] - mean) * scale[i];
      out.data[i * cols + c] = gain.data[c] * normal[i * cols + c] + offset.data[c];
    }
  }
  tape.push(() => {
    for (let i = 0; i < rows; i++) {
      let mean = 0;
      let along = 0;
      for (let c = 0; c < cols; c++) {
        const g = out.grad[i * cols + c];
        gain.grad[c] += g * normal[i * cols + c];
        offset.grad[c] += g;
        mean += (g * gain.data[c]) / cols;
        along += (g * gain.data[c] * normal[i * cols + c]) / cols;
      }
      for (let c = 0; c < cols; c++) {
        const g = out.grad[i * cols + c] * gain.data[c];
        x.grad[i * cols + c] += scale[i] * (g - mean - normal[i * cols + c] * along);
      }
    }
  });
  return out;
}

/** softmax(Q Kᵀ · scale) V in each head of each sentence.
 *  lengths: tokens of each sentence; causal: a word sees none after it.
 *  Returns the mixtures, and the weights of each sentence: [heads][query][key]. */
export function attention(tape, q, k, v, { heads, lengths, causal, scale }) {
  const out = like(q);
  const { cols } = q;
  const width = cols / heads;
  const weights = lengths.map((n) => Array.from({ length: heads }, () => Array.from({ length: n }, () => new Float64Array(n))));
  const dot = (a, i, b, j, first) => {
    let sum = 0;
    for (let c = first; c < first + width; c++) sum += a[i * cols + c] * b[j * cols + c];
    return sum;
  };
  const addTo = (a, i, factor, b, j, first) => {
    for (let c = first; c < first + width; c++) a[i * cols + c] += factor * b[j * cols + c];
  };
  const everyRow = (visit) => {
    let start = 0;
    lengths.forEach((n, sentence) => {
      for (let head = 0; head < heads; head++) {
        for (let t = 0; t < n; t++) visit(weights[sentence][head][t], start, t, causal ? t + 1 : n, head * width);
      }
      start += n;
    });
  };
  everyRow((row, start, t, seen, first) => {
    for (let s = 0; s < seen; s++) row[s] = scale * dot(q.data, start + t, k.data, start + s, first);
    softmaxInPlace(row, seen);
    for (let s = 0; s < seen; s++) addTo(out.data, start + t, row[s], v.data, start + s, first);
  });
  tape.push(() => {
    everyRow((row, start, t, seen, first) => {
      const byWeight = row.map((_, s) => (s < seen ? dot(out.grad, start + t, v.data, start + s, first) : 0));
      const mean = row.reduce((sum, w, s) => sum + w * byWeight[s], 0);
      for (let s = 0; s < seen; s++) {
        addTo(v.grad, start + s, row[s], out.grad, start + t, first);
        const byScore = row[s] * (byWeight[s] - mean) * scale; // the Jacobian of softmax
        addTo(q.grad, start + t, byScore, k.data, start + s, first);
        addTo(k.grad, start + s, byScore, q.data, start + t, first);
      }
    });
  });
  return { out, weights };
}

/** The chosen rows of x. */
export function pick(tape, x, rows) {
  const out = like(x, rows.length);
  rows.forEach((from, row) => out.data.set(x.data.subarray(from * x.cols, (from + 1) * x.cols), row * x.cols));
  tape.push(() => {
    rows.forEach((from, row) => {
      for (let c = 0; c < x.cols; c++) x.grad[from * x.cols + c] += out.grad[row * x.cols + c];
    });
  });
  return out;
}

/** The mean of −log p(right word), p = softmax(logits); and p itself, a row for each. */
export function crossEntropy(tape, logits, targets) {
  const p = Float64Array.from(logits.data);
  const { rows, cols } = logits;
  let loss = 0;
  for (let i = 0; i < rows; i++) {
    softmaxInPlace(p.subarray(i * cols, (i + 1) * cols), cols);
    loss -= Math.log(p[i * cols + targets[i]]) / rows;
  }
  tape.push(() => {
    for (let i = 0; i < rows * cols; i++) {
      const right = targets[Math.floor(i / cols)] === i % cols ? 1 : 0;
      logits.grad[i] += (p[i] - right) / rows;
    }
  });
  return { loss, p };
}

function softmaxInPlace(row, n) {
  let peak = -Infinity;
  for (let s = 0; s < n; s++) peak = Math.max(peak, row[s]);
  let total = 0;
  for (let s = 0; s < n; s++) total += row[s] = Math.exp(row[s] - peak);
  for (let s = 0; s < n; s++) row[s] /= total;
}

export function backward(tape) {
  for (let i = tape.length - 1; i >= 0; i--) tape[i]();
}

// The model

/** Starting weights as in incontext.transformer.init_weights, under PyTorch's names.
 *  config: { vocabSize, nPositions, dModel, heads, dFf, layers, positions }; normal: draws. */
export function newModel(config, normal, Numbers = Float32Array) {
  const { vocabSize, nPositions, dModel, dFf, layers, positions } = config;
  const weights = {};
  const draw = (name, rows, cols, std = 0.02) => {
    weights[name] = matrix(rows, cols, Numbers);
    for (let i = 0; i < rows * cols; i++) weights[name].data[i] = std * normal();
  };
  const vector = (name, cols, value) => {
    weights[name] = matrix(1, cols, Numbers);
    weights[name].data.fill(value);
  };
  const map = (name, rows, cols, std) => {
    draw(`${name}.weight`, rows, cols, std);
    vector(`${name}.bias`, rows, 0);
  };
  const norm = (name) => {
    vector(`${name}.weight`, dModel, 1);
    vector(`${name}.bias`, dModel, 0);
  };
  draw("stack.token_embedding.weight", vocabSize, dModel);
  if (positions) draw("stack.position_embedding.weight", nPositions, dModel);
  for (let layer = 0; layer < layers; layer++) {
    const block = `stack.blocks.${layer}`;
    const writes = 0.02 / Math.sqrt(2 * layers); // what writes into the residual stream
    for (const one of ["q_proj", "k_proj", "v_proj"]) map(`${block}.attention.${one}`, dModel, dModel);
    map(`${block}.attention.out_proj`, dModel, dModel, writes);
    norm(`${block}.attention_norm`);
    map(`${block}.feed_forward.up`, dFf, dModel);
    map(`${block}.feed_forward.down`, dModel, dFf, writes);
    norm(`${block}.feed_forward_norm`);
  }
  norm("stack.final_norm");
  return { config, weights };
}

/** Logits of the asked rows, and the weights of every layer: [layer][sentence][head][query][key].
 *  batch: { ids, places, lengths, rows }: tokens one sentence below the other, each one's place in
 *  its sentence, how many each has, and which rows are asked. */
export function forward(tape, { config, weights }, { ids, places, lengths, rows }) {
  const { dModel, heads, layers, positions, causal, scaled, residual } = config;
  const scale = scaled ? 1 / Math.sqrt(dModel / heads) : 1;
  const through = (name, x) => linear(tape, x, weights[`${name}.weight`], weights[`${name}.bias`]);
  const normed = (name, x) => layerNorm(tape, x, weights[`${name}.weight`], weights[`${name}.bias`]);
  const joined = (x, update) => (residual ? add(tape, x, update) : update);

  let x = lookup(tape, weights["stack.token_embedding.weight"], ids);
  if (positions) x = add(tape, x, lookup(tape, weights["stack.position_embedding.weight"], places));
  const hidden = [x];
  const maps = [];
  for (let layer = 0; layer < layers; layer++) {
    const block = `stack.blocks.${layer}`;
    const y = normed(`${block}.attention_norm`, x);
    const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((one) => through(`${block}.attention.${one}`, y));
    const mixed = attention(tape, q, k, v, { heads, lengths, causal, scale });
    x = joined(x, through(`${block}.attention.out_proj`, mixed.out));
    const z = normed(`${block}.feed_forward_norm`, x);
    const inner = relu(tape, through(`${block}.feed_forward.up`, z));
    x = joined(x, through(`${block}.feed_forward.down`, inner));
    hidden.push(x);
    maps.push(mixed.weights);
  }
  const last = normed("stack.final_norm", pick(tape, x, rows));
  return { logits: linear(tape, last, weights["stack.token_embedding.weight"]), maps, hidden };
}

/** The loss at the answers of a batch; with `learn` its gradients, in each weight's `grad`. */
export function lossOf(model, batch, learn = true) {
  const tape = [];
  for (const weight of Object.values(model.weights)) weight.grad.fill(0);
  const { logits, maps, hidden } = forward(tape, model, batch);
  const { loss, p } = crossEntropy(tape, logits, batch.answers);
  if (learn) backward(tape);
  return { loss, p, maps, hidden };
}

// AdamW, as torch.optim.AdamW

export function newOptimizer({ weights }, { weightDecay = 0.01, betas = [0.9, 0.999], eps = 1e-8 } = {}) {
  const moments = Object.fromEntries(Object.entries(weights).map(([name, { data }]) => [name, [data.slice().fill(0), data.slice().fill(0)]]));
  return { weightDecay, betas, eps, moments, steps: 0 };
}

export function step({ weights }, optimizer, learningRate) {
  const { weightDecay, betas: [b1, b2], eps, moments } = optimizer;
  const n = ++optimizer.steps;
  for (const [name, { data, grad }] of Object.entries(weights)) {
    const [first, second] = moments[name];
    for (let i = 0; i < data.length; i++) {
      first[i] = b1 * first[i] + (1 - b1) * grad[i];
      second[i] = b2 * second[i] + (1 - b2) * grad[i] * grad[i];
      data[i] -= learningRate * weightDecay * data[i];
      data[i] -= (learningRate * (first[i] / (1 - b1 ** n))) / (Math.sqrt(second[i] / (1 - b2 ** n)) + eps);
    }
  }
}

/** It rises in a straight line, then falls along half a cosine to a tenth: training.learning_rate. */
export function learningRate(at, { nSteps, warmUp, highest }) {
  if (at < warmUp) return (highest * (at + 1)) / warmUp;
  const done = (at - warmUp) / Math.max(1, nSteps - warmUp);
  return highest * (0.1 + (0.9 * (1 + Math.cos(Math.PI * done))) / 2);
}

// Chance: the same seed gives the same numbers in every browser.

/** Uniform numbers in [0, 1) from a 32-bit seed (mulberry32). */
export function uniformFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x = (x + Math.imul(x ^ (x >>> 7), x | 61)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Normal numbers with mean 0 and standard deviation 1 (Box and Muller). */
export function normalFrom(uniform) {
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
