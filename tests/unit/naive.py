"""The formulas once more, as slow loops over single numbers: what the package is compared with."""

import math

import torch


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def fill(module, seed=0):
    """Numbers in float64 with which every part matters: no bias is 0, no gain 1, no weight even."""
    module = module.double()
    for index, (name, parameter) in enumerate(module.named_parameters()):
        values = normal(*parameter.shape, seed=seed + index)
        if "embedding." in name:
            parameter.data = values
        elif parameter.ndim == 2:
            parameter.data = 2 * values / math.sqrt(parameter.shape[1])
        else:
            parameter.data = 0.3 * values + ("norm.weight" in name)
    return module


def softmax(scores, temperature=1.0):
    """A list of floats to a list of floats."""
    peak = max(scores)
    if peak == -math.inf:
        return [0.0 for _ in scores]
    exponentials = [math.exp((score - peak) / temperature) for score in scores]
    return [one / sum(exponentials) for one in exponentials]


def attention(query, key, value, mask=None, bias=None, temperature=1.0, scale=None):
    """``[T, D]``, ``[S, D]``, ``[S, V]`` to output ``[T, V]`` and weights ``[T, S]``."""
    (n_queries, d_k), (n_keys, d_value) = query.shape, value.shape
    output = torch.zeros(n_queries, d_value, dtype=torch.float64)
    weights = torch.zeros(n_queries, n_keys, dtype=torch.float64)
    for t in range(n_queries):
        scores = []
        for s in range(n_keys):
            score = sum(float(query[t, d]) * float(key[s, d]) for d in range(d_k))
            score = score / math.sqrt(d_k) if scale is None else score * scale
            score += 0.0 if bias is None else float(bias[t, s])
            scores.append(score if mask is None or mask[t, s] else -math.inf)
        for s, weight in enumerate(softmax(scores, temperature)):
            weights[t, s] = weight
            for v in range(d_value):
                output[t, v] += weight * float(value[s, v])
    return output, weights


def layer_norm(x, gain, offset, eps):
    """``[T, C]``, each row on its own."""
    rows = []
    for row in x.tolist():
        mean = sum(row) / len(row)
        variance = sum((one - mean) ** 2 for one in row) / len(row)
        rows.append([(one - mean) / math.sqrt(variance + eps) for one in row])
    return torch.tensor(rows, dtype=torch.float64) * gain + offset


def rms_norm(x, gain, eps):
    """``[T, C]``, each row on its own."""
    rows = []
    for row in x.tolist():
        mean_square = sum(one**2 for one in row) / len(row)
        rows.append([one / math.sqrt(mean_square + eps) for one in row])
    return torch.tensor(rows, dtype=torch.float64) * gain
