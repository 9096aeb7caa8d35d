"""What are the three matrices of attention for? Set them so that every noun finds its adjective."""

from itertools import product

import torch
from torch import Tensor
from traitlets import observe

from incontext import plots
from incontext.attention import scaled_dot_product_attention

from .base import Explorable, Numbers
from .controls import number_list, select

TOKENS = ["big", "dog", "saw", "small", "cat"]
COLUMNS = ["noun", "adjective", "place", "size"]  # place: before the verb −1, behind it 1
X = [
    [0.0, 1.0, -1.0, 1.0],
    [1.0, 0.0, -1.0, 0.0],
    [0.0, 0.0, 0.0, 0.0],
    [0.0, 1.0, 1.0, -1.0],
    [1.0, 0.0, 1.0, 0.0],
]
WANTED = {1: 0, 4: 3}  # a noun's row: that of its adjective
GOAL = 0.9  # of a noun's weight, and of the size of its adjective
MATRICES = {"w_q": 2, "w_k": 2, "w_v": 1}  # columns of each

# What `train` finds from seed 0, to one decimal: a test trains again.
TRAINED = {
    "w_q": [1.0, -1.3, -1.3, 0.3, -3.0, -1.2, 0.2, 0.5],
    "w_k": [-1.5, 2.7, 0.4, -1.8, -1.6, -0.5, -0.1, 0.1],
    "w_v": [0.3, 0.0, 0.0, 1.0],
}
STARTS = {
    "zeros": {
        "text": "All zeros",
        "w_q": [0.0] * 8,
        "w_k": [0.0] * 8,
        "w_v": [0.0] * 4,
    },
    "adjectives": {
        "text": "Nouns look for adjectives",
        "w_q": [3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        "w_k": [0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        "w_v": [0.0, 0.0, 0.0, 1.0],
    },
    "trained": {"text": "What training finds", **TRAINED},
}


def attend(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Queries and keys [..., 5, 2], outputs [..., 5, 1] and weights [..., 5, 5] of the tokens x."""
    query, key = x @ w_q, x @ w_k
    output, weights = scaled_dot_product_attention(query, key, x @ w_v)
    return query, key, output, weights


def train(seed: int = 0, n_steps: int = 500) -> dict[str, list[float]]:
    """The matrices that gradient descent (AdamW) finds from random ones.

    It learns from four sentences: either noun with a big or a small adjective. The loss of a noun
    is −log of its weight on its adjective, and the squared error of the size that arrives.
    """
    generator = torch.Generator().manual_seed(seed)
    matrices = [
        torch.randn(4, n, generator=generator, dtype=torch.float64).requires_grad_()
        for n in MATRICES.values()
    ]
    optimizer = torch.optim.AdamW(matrices, lr=0.02, weight_decay=0.05)
    nouns, adjectives = list(WANTED), list(WANTED.values())
    x = torch.tensor(X, dtype=torch.float64).repeat(4, 1, 1)
    sizes = torch.tensor(list(product((1.0, -1.0), repeat=2)), dtype=torch.float64)  # [4, 2]
    x[:, adjectives, 3] = sizes
    for _ in range(n_steps):
        _, _, output, weights = attend(x, *matrices)
        surprise = -weights[:, nouns, adjectives].log()
        loss = (surprise + (output[:, nouns, 0] - sizes) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {
        name: [round(one, 1) + 0.0 for one in matrix.flatten().tolist()]
        for name, matrix in zip(MATRICES, matrices, strict=True)
    }


def _matrix(label: str, name: str):
    n = MATRICES[name]
    return number_list(
        label, STARTS["zeros"][name], minimum=-6, maximum=6, step=0.1, min_length=4 * n,
        max_length=4 * n, columns=n,
        labels=[f"{row} {i}" if n > 1 else row for row in COLUMNS for i in range(1, n + 1)],
    )  # fmt: skip


class ProjectionBench(Explorable):
    name = "projection-bench"
    title = "Projection bench"
    try_first = (
        "Change noun 1 of the query matrix and adjective 1 of the key matrix to 3, and watch the "
        "rows of the nouns."
    )
    provenance = "illustrative"
    caption = (
        "Five tokens in four named dimensions. Set the matrices so that each noun gives nine "
        "tenths of its weight to its own adjective (the framed cells), and receives its size. "
        "“What training finds” was trained in Python, from random matrices (seed 0), on this "
        "sentence and the three others that big and small make. Illustrative tokens; weights and "
        "outputs are computed as you type."
    )

    fallback_size = (7.2, 2.6)

    start = select(
        "Example", "zeros",
        {**{key: one["text"] for key, one in STARTS.items()}, "own": "Your own numbers"},
    )  # fmt: skip
    w_q = _matrix("Query matrix", "w_q")
    w_k = _matrix("Key matrix", "w_k")
    w_v = _matrix("Value matrix", "w_v")

    def data(self):
        return {
            "tokens": TOKENS,
            "columns": COLUMNS,
            "x": X,
            "wanted": [list(pair) for pair in WANTED.items()],
            "goal": GOAL,
            "starts": {key: {name: one[name] for name in MATRICES} for key, one in STARTS.items()},
        }

    @observe("start")
    def _load(self, change):
        if change.new in STARTS:
            with self.hold_trait_notifications():  # the three at once, or none is recognised
                for name in MATRICES:
                    setattr(self, name, STARTS[change.new][name])

    @observe(*MATRICES)
    def _recognise(self, change):
        known = [
            key
            for key, one in STARTS.items()
            if all(getattr(self, name) == one[name] for name in MATRICES)
        ]
        if self.start not in known:
            self.start = known[0] if known else "own"

    def _attend(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        matrices = (
            torch.tensor(getattr(self, name), dtype=torch.float64).view(4, n)
            for name, n in MATRICES.items()
        )
        return attend(torch.tensor(X, dtype=torch.float64), *matrices)

    def numbers(self):
        query, key, output, weights = (one.tolist() for one in self._attend())
        rows = [["token", token, *row, ""] for token, row in zip(TOKENS, X, strict=True)]
        for name, matrix in (("query", query), ("key", key), ("output", output)):
            rows += [
                [name, token, *row, *[""] * (5 - len(row))]
                for token, row in zip(TOKENS, matrix, strict=True)
            ]
        rows += [["weights of", token, *row] for token, row in zip(TOKENS, weights, strict=True)]
        rows += [
            [f"{TOKENS[noun]} to", TOKENS[adjective], weights[noun][adjective], *[""] * 4]
            for noun, adjective in WANTED.items()
        ]
        return Numbers(["", "", *"12345"], rows)

    def draw(self, figure):
        query, key, output, weights = self._attend()
        axes = figure.subplots(1, 4, width_ratios=[1, 1, 2, 1])
        for ax, matrix, title in ((axes[0], query, "Queries"), (axes[1], key, "Keys")):
            plots.matrix(matrix, TOKENS, ["1", "2"], ax, title=title, numbers=True, digits=1)
        plots.weights(
            weights, TOKENS, ax=axes[2], title="Weights", numbers=True, xlabel="", ylabel=""
        )
        plots.matrix(output, TOKENS, ["size"], axes[3], title="Output", numbers=True, digits=1)

    def alt(self):
        weights, output = self._attend()[3], self._attend()[2]
        found = " and ".join(
            f"{TOKENS[noun]} gives {weights[noun, adjective]:.2f} of its weight to"
            f" {TOKENS[adjective]} and receives the size {output[noun, 0]:.2f}"
            for noun, adjective in WANTED.items()
        )
        return (
            "Queries, keys, weights and outputs of the tokens big, dog, saw, small and cat: "
            f"{found}."
        )
