"""Exercises of the chapter on fine-tuning."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from incontext import checks, which_bank
from incontext.fine_tuning import (
    FineTuningRun,
    bag_of_words_accuracy,
    check_examples,
    fit,
    new_run,
    pool,
)

from .checking import FunctionCheck, Mistake, Verdict


def _texts(lengths: list[int], c: int) -> tuple[Tensor, Tensor]:
    """Vectors [B, T, C] of texts of these lengths, and where they are tokens."""
    chance = torch.Generator().manual_seed(c)
    x = torch.randn(len(lengths), max(lengths), c, generator=chance) + 0.5
    return x, torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


check_pool = FunctionCheck(
    "check_pool",
    reference=pool,
    cases=[
        lambda: _texts([5, 2, 3], 7),
        lambda: _texts([1, 11], 3),
        lambda: _texts([4, 4, 4, 4], 5),
    ],
    mistakes=[
        Mistake(
            "padding is counted",
            lambda x, is_token: x.mean(1),
            "You take the mean over all T places. Short texts are filled up with padding, whose"
            " vectors mean nothing: leave out the places where is_token is False.",
        ),
        Mistake(
            "divided by the places, not by the tokens",
            lambda x, is_token: (x * is_token[..., None]).mean(1),
            "The padding is left out of the sum, and still counted when you divide. Divide by the"
            " number of tokens of each text.",
        ),
        Mistake(
            "a sum",
            lambda x, is_token: (x * is_token[..., None]).sum(1),
            "You add up the vectors, so a long text gets a long one. Divide by its number of"
            " tokens.",
        ),
        Mistake(
            "one divisor for the whole batch",
            lambda x, is_token: (x * is_token[..., None]).sum(1) / is_token.sum(),
            "You divide by the tokens of the whole batch. Each text has its own number.",
        ),
        Mistake(
            "the first token alone",
            lambda x, is_token: x[:, 0],
            "That is the vector of the first token. BERT's own classifier reads that one; here the"
            " mean over all tokens is asked for.",
        ),
        Mistake(
            "a mean over the wrong axis",
            lambda x, is_token: x.mean(-1),
            "You average the components of each token, [B, T]. What is asked for has a vector for"
            " each text, [B, C].",
        ),
    ],
    praise="One vector for each text, and padding has no say in it.",
    tolerance=1e-5,
)


def _stepped(
    weights: Sequence[Tensor],
    frozen: Sequence[bool],
    loss_of: Callable,
    learning_rate: float,
    moves: Callable[[int, Sequence[bool]], bool] = lambda i, frozen: not frozen[i],
) -> list[Tensor]:
    """One step of gradient descent on the weights that move."""
    leaves = [weight.clone().requires_grad_() for weight in weights]
    slopes = torch.autograd.grad(loss_of(leaves), leaves)
    return [
        (weight - learning_rate * slope if moves(i, frozen) else weight).detach()
        for i, (weight, slope) in enumerate(zip(leaves, slopes, strict=True))
    ]


def _three_layers(frozen: list[bool], learning_rate: float, seed: int) -> tuple:
    """Weights from the bottom to the top, and the loss of a small network made of them."""
    chance = torch.Generator().manual_seed(seed)
    sizes = [(5, 3), (3, 7), (7, 2)]
    weights = [torch.randn(size, generator=chance, dtype=torch.float64) for size in sizes]

    def loss_of(w):
        return F.cross_entropy(torch.tanh(w[0][[1, 4, 1]] @ w[1]) @ w[2], torch.tensor([0, 1, 1]))

    return weights, frozen, loss_of, learning_rate


check_frozen_step = FunctionCheck(
    "check_frozen_step",
    reference=_stepped,
    cases=[
        lambda: _three_layers([True, False, False], 0.5, 1),
        lambda: _three_layers([False, True, False], 0.3, 2),
        lambda: _three_layers([False, False, False], 0.2, 3),
        lambda: _three_layers([False, True, True], 0.7, 4),
    ],
    mistakes=[
        Mistake(
            "everything moves",
            lambda *given: _stepped(*given, moves=lambda i, frozen: True),
            "Frozen weights move like all others. Where frozen[i] is True, give back weights[i] as"
            " it was.",
        ),
        Mistake(
            "the wrong ones are frozen",
            lambda *given: _stepped(*given, moves=lambda i, frozen: frozen[i]),
            "Exactly the frozen ones move. requires_grad is the opposite of frozen.",
        ),
        Mistake(
            "nothing below a frozen weight moves",
            lambda *given: _stepped(*given, moves=lambda i, frozen: not any(frozen[i:])),
            "A frozen weight keeps its value, and still lets the gradient through to what lies"
            " below. Do not cut there.",
        ),
        Mistake(
            "uphill",
            lambda weights, frozen, loss_of, rate: _stepped(weights, frozen, loss_of, -rate),
            "You add the gradient. A step goes against it.",
        ),
        Mistake(
            "the learning rate is not used",
            lambda weights, frozen, loss_of, rate: _stepped(weights, frozen, loss_of, 1.0),
            "Each step is the gradient as it is. Multiply it by the learning rate.",
        ),
    ],
    praise="Frozen weights stay, and what lies below them still learns.",
)


def _probe_trained(
    features: Tensor,
    targets: Tensor,
    batches: Sequence[Tensor],
    learning_rate: float,
    *,
    of_features: Callable = lambda rows: rows,
    of_targets: Callable = lambda rows: rows,
    empties: bool = True,
) -> Tensor:
    """The weights [K, F] of a linear layer after a step on each batch of rows."""
    weight = nn.Parameter(torch.zeros(2, features.shape[1], dtype=features.dtype))
    optimizer = torch.optim.SGD([weight], lr=learning_rate)
    for rows in batches:
        logits = features[of_features(rows)] @ weight.T
        loss = F.cross_entropy(logits, targets[of_targets(rows)])
        if empties:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return weight.detach()


def _first(rows: Tensor) -> Tensor:
    """As many rows, from the beginning."""
    return torch.arange(len(rows))


def _shuffled(n: int, f: int, learning_rate: float) -> tuple:
    chance = torch.Generator().manual_seed(n)
    features = torch.randn(n, f, generator=chance, dtype=torch.float64)
    targets = (features[:, 0] > 0).long()
    batches = [*torch.randperm(n, generator=chance).split(5)]
    return features, targets, batches, learning_rate


check_mended_batches = FunctionCheck(
    "check_mended_batches",
    reference=_probe_trained,
    cases=[
        lambda: _shuffled(23, 3, 0.5),
        lambda: _shuffled(17, 7, 0.1),
        lambda: _shuffled(11, 2, 1.0),
    ],
    mistakes=[
        Mistake(
            "labels of other texts",
            lambda *given: _probe_trained(*given, of_targets=_first),
            "The texts are drawn by rows, and their labels are not: each text is shown the label of"
            " another. There is nothing to learn, so the loss stays near ln 2.",
        ),
        Mistake(
            "texts of other labels",
            lambda *given: _probe_trained(*given, of_features=_first),
            "Now the labels are drawn by rows and the texts are not. Both need the same rows.",
        ),
        Mistake(
            "always the first texts",
            lambda *given: _probe_trained(*given, of_features=_first, of_targets=_first),
            "Texts and labels go together again, but every batch has the first ones, and the others"
            " are never seen. Draw both by rows.",
        ),
        Mistake(
            "gradients that pile up",
            lambda *given: _probe_trained(*given, empties=False),
            "Texts and labels are right, and the gradient of each batch is added to those of all"
            " before it. Empty it in every round.",
        ),
    ],
    praise="Each text with its own label.",
    tolerance=1e-5,
)


@dataclass(frozen=True)
class OwnTaskCheck:
    """Checks a run of the reader's on sentences of theirs: has it learned what they labelled?

    reference: gives a run, test texts and their labels for which it has. mistakes: such for which
    the number would say nothing.
    """

    name: str
    reference: Callable[[], tuple]
    mistakes: Sequence[Mistake]

    def __call__(self, given: Any) -> Verdict:
        if given is None or given is Ellipsis:
            return Verdict(False, f"Not yet: give {self.name} your run and your test.", "…")
        if not isinstance(given, tuple | list) or len(given) != 3:
            return Verdict(False, f"{self.name} takes one triple: (run, test_texts, test_labels).")
        run, texts, labels = given
        if not isinstance(run, FineTuningRun):
            return Verdict(False, "The first of the three is what fine_tuning.fit returned.")
        fault = self._fault(run, texts, labels)
        if fault:
            return Verdict(False, fault)
        share = run.accuracy(texts, labels)
        if share <= max(Counter(labels).values()) / len(labels):
            return Verdict(False, str(self.mistakes[-1]))
        trained_on = [run.labels[i] for i in run.targets.tolist()]
        by_words = bag_of_words_accuracy(run.texts, trained_on, texts, labels)
        verdict = (
            f"{share:.0%} of your {len(texts)} new sentences are right. A bag of words, trained on"
            f" the same {len(run.texts)}, has {by_words:.0%}."
        )
        if by_words >= share:
            verdict += " Single words are enough for this test: try one that shares none."
        return Verdict(True, verdict, "✓")

    def _fault(self, run: FineTuningRun, texts: Any, labels: Any) -> str:
        try:
            check_examples(texts, labels)
            for label in labels:
                checks.one_of("labels", label, run.labels)
        except ValueError as error:
            return f"In your test, {error}."
        if {text.strip().lower() for text in texts} & {text.strip().lower() for text in run.texts}:
            return str(self.mistakes[0])
        if set(labels) != set(run.labels):
            return str(self.mistakes[1])
        if len(run.texts) < 12:
            return str(self.mistakes[2])
        return str(self.mistakes[3]) if len(texts) < 8 else ""


def _test() -> tuple[list[str], list[str]]:
    """Twelve written sentences and their labels."""
    texts, labels = which_bank.written()
    return texts[::6], labels[::6]


def _run(n: int, trained: bool = False) -> FineTuningRun:
    """A run on n sentences of the grammar. Untrained, it gives every text the first label."""
    texts, labels = which_bank.sentences(n)
    if trained:
        return fit(texts, labels, freeze="encoder", n_epochs=10, progress=False)
    run = new_run(texts, labels, freeze="encoder")
    nn.init.zeros_(run.classifier.out_proj.weight)
    return run


def _tested_on_training() -> tuple:
    run = _run(16)
    return run, run.texts, which_bank.sentences(16)[1]


def _one_label() -> tuple:
    texts, labels = which_bank.written()
    return _run(16), texts[:10], labels[:10]


check_own_task = OwnTaskCheck(
    "check_own_task",
    reference=lambda: (_run(48, trained=True), *_test()),
    mistakes=[
        Mistake(
            "a test that was trained on",
            _tested_on_training,
            "Some of your test sentences are among those that the run was trained on, and it may"
            " know them by heart. Write others.",
        ),
        Mistake(
            "labels that are not tested",
            _one_label,
            "The test must have sentences of every label that the run was trained on. A run that"
            " always says the same would be right on a test of one label.",
        ),
        Mistake(
            "too few to learn from",
            lambda: (_run(8), *_test()),
            "Give fit at least 12 sentences. With fewer, a word that happens to stand on one side"
            " decides.",
        ),
        Mistake(
            "too few to test",
            lambda: (_run(16), *(part[::2] for part in _test())),
            "With fewer than 8 test sentences, one more or less right changes everything. Write"
            " more.",
        ),
        Mistake(
            "no better than one answer for all",
            lambda: (_run(16), *_test()),
            "The run is right no more often than if it said the commonest label every time. More"
            " sentences, clearer ones or more epochs may help; so may freeze='encoder'.",
        ),
    ],
)
