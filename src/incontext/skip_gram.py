"""How can a vector learn what a word means if nobody tells it?

A word is known by the company it keeps. Skip-gram takes a word and guesses which words are near it.
Each word has two vectors, one as the centre and one as a neighbour, and a pair is likely if the two
point the same way:

    loss = −log σ(v_centre · u_neighbour) − Σ_k log σ(−v_centre · u_random k)
    σ(x) = 1 / (1 + e⁻ˣ)

The second part is negative sampling. Words drawn at random, most of which are not neighbours, are
pushed away. Without them it would be best for all vectors to point the same way.

Mikolov et al. (2013), "Distributed Representations of Words and Phrases and their
Compositionality", section 2.2 (equation 4, negative words drawn by count to the power of 3/4);
Levy and Goldberg (2014), "Neural Word Embedding as Implicit Matrix Factorization".

Axes: ``N`` pairs, ``K`` negative words of each, ``V`` vocabulary, ``C`` d_model.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from incontext import checks


class SkipGram(nn.Module):
    """Two tables of vectors: ``centre``, which is kept after training, and ``neighbour``.

    vocab_size: number of words. d_model: width of a vector. generator: for the starting vectors,
    normal with standard deviation 0.1.
    """

    def __init__(
        self, vocab_size: int, d_model: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        checks.whole("vocab_size", vocab_size)
        checks.whole("d_model", d_model)
        self.centre = nn.Embedding(vocab_size, d_model)
        self.neighbour = nn.Embedding(vocab_size, d_model)
        for table in (self.centre, self.neighbour):
            nn.init.normal_(table.weight, std=0.1, generator=generator)

    def forward(
        self,
        centres: Int[Tensor, " N"],
        neighbours: Int[Tensor, " N"],
        negatives: Int[Tensor, "N K"],
    ) -> Float[Tensor, ""]:
        """The mean loss over pairs of words, each with its own randomly drawn words."""
        v = self.centre(centres)  # [N, C]
        together = (v * self.neighbour(neighbours)).sum(-1)  # [N]
        apart = (self.neighbour(negatives) @ v.unsqueeze(-1)).squeeze(-1)  # [N, K]
        return -(F.logsigmoid(together) + F.logsigmoid(-apart).sum(-1)).mean()


def pairs(
    texts: Iterable[Sequence[int]], window: int = 2
) -> tuple[Int[Tensor, " N"], Int[Tensor, " N"]]:
    """Pair each word with every word at most ``window`` places away: (centres, neighbours).

    texts: lists of ids. window: at least 1.
    """
    checks.whole("window", window)
    centres, neighbours = [], []
    for text in texts:
        ids = [int(number) for number in text]
        for i, centre in enumerate(ids):
            near = ids[max(0, i - window) : i] + ids[i + 1 : i + 1 + window]
            centres += [centre] * len(near)
            neighbours += near
    if not centres:
        raise ValueError("texts must hold at least one text of two words, got none")
    return torch.tensor(centres), torch.tensor(neighbours)


def negative_weights(
    texts: Iterable[Sequence[int]], vocab_size: int, power: float = 0.75
) -> Float[Tensor, " V"]:
    """The probability of drawing each word as a negative one: its count to the power of 3/4.

    The power makes rare words more likely than their counts would, and frequent words less. The
    probabilities sum to 1.
    """
    checks.whole("vocab_size", vocab_size)
    checks.finite("power", power)
    counts = Counter(int(number) for text in texts for number in text)
    if not counts or max(counts) >= vocab_size:
        got = max(counts) if counts else "none"
        raise ValueError(f"texts must hold ids below vocab_size={vocab_size}, got {got}")
    weights = torch.zeros(vocab_size)
    for number, count in counts.items():
        weights[number] = count**power
    return weights / weights.sum()


def fit(
    texts: Sequence[Sequence[int]],
    vocab_size: int,
    *,
    d_model: int = 16,
    window: int = 2,
    n_negatives: int = 5,
    n_steps: int = 1000,
    batch_size: int = 256,
    learning_rate: float = 0.02,
    seed: int = 0,
) -> tuple[SkipGram, list[float]]:
    """Train a skip-gram on texts of ids. Returns the model and the loss at every step.

    d_model: width of the vectors. window: how far away a neighbour may be. n_negatives: random
    words for each neighbour. batch_size: pairs in one step. learning_rate: of Adam. seed: for the
    starting vectors and all draws.
    """
    for name, value in (("n_negatives", n_negatives), ("n_steps", n_steps)):
        checks.whole(name, value)
    checks.whole("batch_size", batch_size)
    checks.positive("learning_rate", learning_rate)
    chance = torch.Generator().manual_seed(seed)
    centres, neighbours = pairs(texts, window)
    drawn_by = negative_weights(texts, vocab_size)
    model = SkipGram(vocab_size, d_model, chance)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = []
    for _ in range(n_steps):
        batch = torch.randint(len(centres), (batch_size,), generator=chance)
        negatives = drawn_by.multinomial(batch_size * n_negatives, True, generator=chance)
        loss = model(centres[batch], neighbours[batch], negatives.view(batch_size, n_negatives))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses
