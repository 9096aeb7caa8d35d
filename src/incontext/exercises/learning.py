"""Exercises of the chapter on learning."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from incontext import corpus, skip_gram
from incontext.embeddings import nearest
from incontext.training import Vocabulary

from .checking import FunctionCheck, Mistake, Verdict


def _descend(
    slope: Callable, start: float, learning_rate: float, n_steps: int, *, frozen: bool = False
) -> list[float]:
    path = [start]
    for _ in range(n_steps):
        at = start if frozen else path[-1]
        path.append(path[-1] - learning_rate * slope(at))
    return path


check_descent = FunctionCheck(
    "check_descent",
    reference=_descend,
    cases=[
        lambda: (lambda w: 4 * (2 * w - 3), 0.0, 0.1, 3),
        lambda: (lambda w: 4 * (2 * w - 3), 3.0, 0.05, 7),
        lambda: (lambda w: w**3, -0.5, 0.5, 5),
    ],
    mistakes=[
        Mistake(
            "uphill",
            lambda slope, start, rate, n: _descend(slope, start, -rate, n),
            "You add the slope, and so you go where the loss grows. Step the other way: subtract.",
        ),
        Mistake(
            "the learning rate is not used",
            lambda slope, start, rate, n: _descend(slope, start, 1.0, n),
            "You subtract the whole slope. Multiply it by the learning rate, which says how far to"
            " go.",
        ),
        Mistake(
            "the slope at the start, for every step",
            lambda *arguments: _descend(*arguments, frozen=True),
            "You compute the slope only once. It changes as w moves, so compute it again at every"
            " step.",
        ),
        Mistake(
            "the start is missing",
            lambda *arguments: _descend(*arguments)[1:],
            "The list begins with the start, so it has n_steps + 1 numbers.",
        ),
        Mistake(
            "only the last w",
            lambda *arguments: _descend(*arguments)[-1],
            "That is only the last value. Return all of them, beginning with the start.",
        ),
        Mistake(
            "one step too few",
            lambda slope, start, rate, n: _descend(slope, start, rate, n - 1),
            "With n_steps steps there are n_steps + 1 values. The last one is missing.",
        ),
        Mistake(
            "the learning rate taken away, whatever the slope",
            lambda slope, start, rate, n: [start - rate * i for i in range(n + 1)],
            "All of your steps have the same length. A step is the learning rate times the slope.",
        ),
    ],
    praise="Downhill, one slope at a time.",
)


def _vectors(n: int, k: int, c: int, size: float) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n)
    sizes = [(n, c), (n, c), (n, k, c)]
    return tuple(
        size * torch.randn(each, generator=generator, dtype=torch.float64) for each in sizes
    )


def _scores(v: Tensor, u: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
    """Of the true pairs [N], and of the negative ones [N, K]."""
    return (v * u).sum(-1), (negatives @ v.unsqueeze(-1)).squeeze(-1)


def _of_scores(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable:
    """A solution out of a function of the two kinds of scores."""
    return lambda v, u, negatives: loss(*_scores(v, u, negatives))


check_skip_gram_loss = FunctionCheck(
    "check_skip_gram_loss",
    reference=_of_scores(lambda s, r: -(F.logsigmoid(s) + F.logsigmoid(-r).sum(-1)).mean()),
    cases=[
        lambda: _vectors(5, 3, 7, 1.0),
        lambda: _vectors(11, 2, 3, 0.5),
        lambda: _vectors(2, 5, 13, 20.0),
    ],
    mistakes=[
        Mistake(
            "no negative words",
            _of_scores(lambda s, r: -F.logsigmoid(s).mean()),
            "The second part is missing: add −log σ(−score) for each random word.",
        ),
        Mistake(
            "the negative words pulled near",
            _of_scores(lambda s, r: -(F.logsigmoid(s) + F.logsigmoid(r).sum(-1)).mean()),
            "You treat the random words as neighbours. Their score needs a minus inside the σ.",
        ),
        Mistake(
            "the true neighbours pushed away",
            _of_scores(lambda s, r: -(F.logsigmoid(-s) + F.logsigmoid(r).sum(-1)).mean()),
            "The two signs are swapped: σ(score) for the neighbour, σ(−score) for the others.",
        ),
        Mistake(
            "the wrong sign",
            _of_scores(lambda s, r: (F.logsigmoid(s) + F.logsigmoid(-r).sum(-1)).mean()),
            "The logarithm of a probability is negative, and training makes the loss small. Put a"
            " minus sign in front.",
        ),
        Mistake(
            "no logarithm",
            _of_scores(lambda s, r: -(s.sigmoid() + (-r).sigmoid().sum(-1)).mean()),
            "You add up probabilities. The loss adds up their logarithms.",
        ),
        Mistake(
            "it overflows",
            _of_scores(lambda s, r: -(s.sigmoid().log() + (-r).sigmoid().log().sum(-1)).mean()),
            "The formula is right. But if a score is very large or very negative, a σ is rounded to"
            " 0, and its logarithm is −∞. F.logsigmoid computes both in one step.",
        ),
        Mistake(
            "the mean of the negative words",
            _of_scores(lambda s, r: -(F.logsigmoid(s) + F.logsigmoid(-r).mean(-1)).mean()),
            "Each random word counts in full. Sum over them, and take the mean over the pairs.",
        ),
        Mistake(
            "a sum over the pairs",
            _of_scores(lambda s, r: -(F.logsigmoid(s) + F.logsigmoid(-r).sum(-1)).sum()),
            "You added up the pairs, so the loss grows with their number. Take the mean.",
        ),
        Mistake(
            "one loss for each pair",
            _of_scores(lambda s, r: -(F.logsigmoid(s) + F.logsigmoid(-r).sum(-1))),
            "You return a loss for each pair. Training needs a single number: take the mean.",
        ),
    ],
    praise="Equal to incontext.skip_gram.SkipGram, for large scores too.",
)  # fmt: skip


def _trained(start: float, learning_rate: float, n_steps: int, order: str = "zbs") -> float:
    """(2w − 3)² made small: z empties the gradient, b goes backward, s makes the step."""
    w = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = torch.optim.SGD([w], lr=learning_rate)
    for _ in range(n_steps):
        loss = (2 * w - 3) ** 2
        part = {"z": optimizer.zero_grad, "b": loss.backward, "s": optimizer.step}
        for letter in order:
            part[letter]()
    return w.item()


check_mended = FunctionCheck(
    "check_mended",
    reference=_trained,
    cases=[lambda: (0.0, 0.1, 3), lambda: (3.0, 0.03, 11), lambda: (1.0, 0.02, 5)],
    mistakes=[
        Mistake(
            "gradients that pile up",
            lambda *arguments: _trained(*arguments, order="bs"),
            "The first step is right, but each later step uses all earlier gradients as well,"
            " because backward() adds to .grad. Something has to empty it in every round.",
        ),
        Mistake(
            "nothing moves",
            lambda *arguments: _trained(*arguments, order="bzs"),
            "You empty the gradient after backward() has filled it, so the step finds nothing."
            " Empty it before.",
        ),
        Mistake(
            "one step behind",
            lambda *arguments: _trained(*arguments, order="szb"),
            "The step comes before backward(), so it uses the gradient of the round before. In the"
            " first round there is none.",
        ),
        Mistake(
            "two steps a round",
            lambda *arguments: _trained(*arguments, order="zbss"),
            "You use the same gradient twice. For each backward() there should be one step().",
        ),
    ],
    praise="Empty, backward, step: the three calls of every training loop.",
    tolerance=1e-5,
)  # fmt: skip


@dataclass(frozen=True)
class NewWordCheck:
    """Checks sentences that give a new word its company: does it land among the right words?

    reference: gives sentences that do. mistakes: sentences with which nothing can be trained.
    """

    name: str
    word: str
    wanted: Sequence[str]
    reference: Callable[[], list[str]]
    mistakes: Sequence[Mistake]

    def __call__(self, texts: Any) -> Verdict:
        if texts is None or texts is Ellipsis:
            return Verdict(False, f"Not yet: give {self.name} a list of sentences.", "…")
        if not isinstance(texts, list | tuple) or not all(isinstance(one, str) for one in texts):
            return Verdict(False, f"{self.name} takes a list of sentences, each of them a string.")
        sentences = [text.lower().split() for text in texts]
        fault = self._fault(sentences)
        if fault:
            return Verdict(False, fault)
        table, vocabulary = self._train(sentences)
        row = len(vocabulary) - 1
        cosines, rows = nearest(table[row], table, 3, exclude=[row])
        found = [vocabulary.words[i] for i in rows.tolist()]
        shown = ", ".join(f"{w} {c:.2f}" for w, c in zip(found, cosines.tolist(), strict=True))
        if found[0] in self.wanted:
            return Verdict(True, f"Nearest to {self.word}: {shown}.", "✓")
        return Verdict(
            False,
            f"Nearest to {self.word}: {shown}. In your sentences it keeps the same company as they"
            " do. Put it where the grammar puts its animals.",
        )

    def _fault(self, sentences: list[list[str]]) -> str:
        known = {*corpus.vocabulary(), self.word}
        if any(word not in known for words in sentences for word in words):
            return str(self.mistakes[0])
        if any(self.word not in words for words in sentences):
            return str(self.mistakes[1])
        return str(self.mistakes[2]) if len(sentences) < 3 else ""

    def _train(self, sentences: list[list[str]]) -> tuple[Tensor, Vocabulary]:
        vocabulary = Vocabulary((*Vocabulary().words, self.word))
        often = -(-60 // len(sentences))  # so that the word is no rarer than the others
        texts = [each.words for each in corpus.sentences(1500, seed=0)] + often * sentences
        ids = [vocabulary.encode(words).tolist() for words in texts]
        model, _ = skip_gram.fit(ids, len(vocabulary), window=12, n_steps=600, seed=0)
        return model.centre.weight.detach(), vocabulary


check_new_word = NewWordCheck(
    "check_new_word",
    word="wug",
    wanted=corpus.ANIMALS,
    reference=lambda: [
        "the wug did not cross the road because it was too tired : the wug .",
        "the wug chased the cat , who : the wug .",
        "the dog bit the wug , whom : the wug .",
        "the fox followed the wug , who : the fox .",
    ],
    mistakes=[
        Mistake(
            "a word that the corpus does not have",
            lambda: 3 * ["the wug ate a fish ."],
            "Apart from wug, use only words from corpus.vocabulary(), with spaces around the full"
            " stops. Any other word would be as new as the wug.",
        ),
        Mistake(
            "a sentence without the wug",
            lambda: ["the wug chased the cat .", "the dog bit the wug .", "the cat saw the dog ."],
            "Each of your sentences should contain the new word.",
        ),
        Mistake(
            "too few sentences",
            lambda: ["the wug chased the cat , who : the wug ."],
            "With only one or two sentences the wug has very little company. Write three or more.",
        ),
    ],
)
