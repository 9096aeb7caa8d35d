"""Exercises of the chapter on training."""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from incontext import corpus, training
from incontext.config import TransformerConfig
from incontext.corpus import FAMILIES, Sentence
from incontext.training import HIDDEN, PADDING, Recipe, TrainingRun, Vocabulary
from incontext.transformer import Decoder

from .checking import FunctionCheck, Mistake, Verdict

# The loss at the answer


def _guesses(seed: int, batch: int, length: int, n_words: int) -> tuple[Tensor, Tensor, Tensor]:
    """Logits [B, T, V], ids [B, T], and the place of the answer in each row [B]."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(batch, length, n_words, generator=generator, dtype=torch.float64)
    ids = torch.randint(1, n_words, (batch, length), generator=generator)
    return logits, ids, torch.randint(1, length, (batch,), generator=generator)


def _at_answers(
    logits: Tensor, ids: Tensor, answers: Tensor, *, row: int = -1, word: int = 0
) -> tuple[Tensor, Tensor]:
    """The scores [B, V] at this distance from the answers, and the words [B] at that one."""
    each = torch.arange(len(ids))
    length = ids.shape[1]
    return logits[each, (answers + row) % length], ids[each, (answers + word) % length]


def _surprise(reduction: str = "mean", **places: int) -> Callable:
    return lambda *given: F.cross_entropy(*_at_answers(*given, **places), reduction=reduction)


def _probability(logits: Tensor, ids: Tensor, answers: Tensor) -> Tensor:
    scores, words = _at_answers(logits, ids, answers)
    return scores.softmax(-1)[torch.arange(len(ids)), words]


check_answer_loss = FunctionCheck(
    "check_answer_loss",
    reference=_surprise(),
    cases=[
        partial(_guesses, 1, 5, 7, 11),
        partial(_guesses, 2, 2, 13, 3),
        partial(_guesses, 3, 1, 3, 5),
    ],
    mistakes=[
        Mistake(
            "the row of the answer itself",
            _surprise(row=0),
            "Row t scores the word at t + 1, so the guess at the answer stands in the row of the"
            " word before it. In its own row the model has already read the answer.",
        ),
        Mistake(
            "the word before as the target",
            _surprise(word=-1),
            "The row is right, but you compare it with the word that stands there. It is a guess"
            " at the next one.",
        ),
        Mistake(
            "the last row",
            lambda logits, ids, answers: F.cross_entropy(
                logits[:, -1], _at_answers(logits, ids, answers)[1]
            ),
            "The answer is not the last word of every sentence. Take the row before each"
            " sentence's own answer.",
        ),
        Mistake(
            "every word",
            lambda logits, ids, answers: F.cross_entropy(
                logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()
            ),
            "You ask for every next word. Here only the answer counts.",
        ),
        Mistake(
            "softmax twice",
            lambda *given: F.cross_entropy(
                _at_answers(*given)[0].softmax(-1), _at_answers(*given)[1]
            ),
            "F.cross_entropy takes the scores as they are: the softmax is inside.",
        ),
        Mistake(
            "no logarithm",
            lambda *given: -_probability(*given).mean(),
            "That is the probability of the answer. The loss is its logarithm, with a minus.",
        ),
        Mistake(
            "the wrong sign",
            lambda *given: _probability(*given).log().mean(),
            "The logarithm of a probability is negative, and a loss is to be made small: put a"
            " minus in front.",
        ),
        Mistake(
            "the logarithm of the mean",
            lambda *given: -_probability(*given).mean().log(),
            "First the logarithm of each sentence's probability, then the mean.",
        ),
        Mistake(
            "a sum over the sentences",
            _surprise("sum"),
            "The sentences are added up, so a larger batch would take larger steps. Take the mean.",
        ),
        Mistake(
            "one loss for each sentence",
            _surprise("none"),
            "Each sentence has its loss. Training needs one number: take the mean.",
        ),
    ],
    praise="The loss that the package trains on.",
)  # fmt: skip


# The training step


def _small_run(reading: str, seed: int) -> TrainingRun:
    config = TransformerConfig(
        len(Vocabulary()), 24, d_model=6, n_heads=2, d_ff=7, n_layers=1, activation="relu"
    )
    return training.new_run(config, reading=reading, seed=seed)


def _batch(run: TrainingRun, sentences: Sequence[Sentence]) -> tuple[Tensor, ...]:
    """What a training step is given: ids, where they are words, the rows of logits, the answers."""
    answers = run.vocabulary.encode([one.words[one.answer] for one in sentences])
    return *training.batch_of(sentences, run.vocabulary, run.reading), answers


def _after_some_steps(step: Callable) -> Callable:
    """The losses that a training step returns, and the weights that it leaves, as one function."""

    def outcome(reading: str, seed: int) -> list[Tensor] | None:
        run = _small_run(reading, seed)
        before = torch.cat([p.detach().flatten() for p in run.model.parameters()])
        optimizer = torch.optim.SGD(run.model.parameters(), lr=0.5)
        losses = []
        for i in range(3):
            loss = step(run.model, optimizer, *_batch(run, corpus.sentences(5, seed=7 * seed + i)))
            losses.append(-1.0 if loss is None or loss is Ellipsis else float(loss))
        after = torch.cat([p.detach().flatten() for p in run.model.parameters()])
        untouched = all(p.grad is None for p in run.model.parameters())
        if untouched and set(losses) == {-1.0} and torch.equal(before, after):
            return None
        return [torch.tensor(losses), after]

    outcome.__name__ = getattr(step, "__name__", "your function")
    return outcome


def _steps(
    order: str = "zbs",
    *,
    row: int = 0,
    blind: bool = False,
    every: bool = False,
    returns: bool = True,
) -> Callable:
    """A training step: z empties the gradients, b goes backward, s makes the step."""

    def step(model, optimizer, ids, is_word, rows, answers):
        logits = model(ids, None if blind else is_word).logits
        if every:
            loss = F.cross_entropy(logits[:, :-1][is_word[:, 1:]], ids[:, 1:][is_word[:, 1:]])
        else:
            loss = F.cross_entropy(logits[torch.arange(len(ids)), rows + row], answers)
        part = {"z": optimizer.zero_grad, "b": loss.backward, "s": optimizer.step}
        for letter in order:
            part[letter]()
        return loss.item() if returns else None

    return step


@dataclass(frozen=True)
class TrainingStepCheck(FunctionCheck):
    """Lets a training step take three steps with a small model, and compares what is left."""

    def __call__(self, solution: Any) -> Verdict:
        if not callable(solution):
            return super().__call__(solution)
        by_what_is_left = FunctionCheck(
            self.name,
            _after_some_steps(self.reference),
            self.cases,
            [Mistake(m.name, _after_some_steps(m.solution), m.message) for m in self.mistakes],
            self.praise,
            self.tolerance,
        )
        return by_what_is_left(_after_some_steps(solution))


check_training_step = TrainingStepCheck(
    "check_training_step",
    reference=_steps(),
    cases=[lambda: ("left-to-right", 1), lambda: ("both-sides", 2), lambda: ("left-to-right", 3)],
    mistakes=[
        Mistake(*each)
        for each in [
            (
                "gradients that pile up",
                _steps("bs"),
                "The first step is right, and each later one takes all earlier gradients along:"
                " backward() adds to .grad. Empty it in every step.",
            ),
            (
                "nothing moves",
                _steps("bzs"),
                "No weight has moved. Empty, backward(), step(), in this order: backward() fills"
                " the gradients, and a step finds none where it is missing, or where they were"
                " emptied in between.",
            ),
            (
                "one step behind",
                _steps("szb"),
                "The optimizer steps before backward() has been called, with the gradients of the"
                " batch before. In the first step there are none.",
            ),
            (
                "two steps",
                _steps("zbss"),
                "The same gradient is used twice. One backward(), one step().",
            ),
            (
                "the wrong row",
                _steps(row=-1),
                "Your row lies one too far to the left. `rows` already says which row of the logits"
                " holds the guess, for both ways of reading.",
            ),
            (
                "padding is read",
                _steps(blind=True),
                "Left to right it makes no difference, but a model that reads both sides looks at"
                " the padding behind shorter sentences. Give it is_word as its mask.",
            ),
            (
                "every word",
                _steps(every=True),
                "You ask for every word. The loss here is that of the answers: one row of each"
                " sentence.",
            ),
            (
                "the loss is not returned",
                _steps(returns=False),
                "The step is right. Return its loss as a number, loss.item(), so that one can see"
                " it fall.",
            ),
        ]
    ],
    praise="Three steps, and every weight is where the package's loop would have it.",
    tolerance=1e-5,
)  # fmt: skip


def train_with(
    training_step: Callable, attend: Callable | None = None, n_steps: int = 700, seed: int = 0
) -> Verdict:
    """Train the chapter's transformer with a training step of the learner's, and examine it.

    training_step: ``training_step(model, optimizer, ids, is_word, rows, answers)`` as in the
        chapter; it returns the loss as a number.
    attend: the attention function of every layer, ``attend(query, key, value, mask=None)`` with
        the result (output, weights); the package's where None.

    True where each family's held-out sentences are answered at least 95 times in 100. The verdict
    has the model as ``.run``.
    """
    recipe = Recipe(n_steps=n_steps, warm_up=50, stop_at=None)
    run = training.new_run(training.default_config(), seed=seed, recipe=recipe)
    if attend is not None:
        for block in run.model.stack.blocks:
            block.attention.attend = lambda query, key, value, mask=None, **asked: attend(
                query, key, value, mask=mask
            )
    optimizer = torch.optim.AdamW(run.model.parameters(), weight_decay=recipe.weight_decay)
    for step in range(n_steps):
        optimizer.param_groups[0]["lr"] = training.learning_rate(step, recipe)
        sentences = training.sentences_of_step(step, run)
        loss = training_step(run.model, optimizer, *_batch(run, sentences))
        if loss is None or loss is Ellipsis:
            return Verdict(False, "Not yet: the training step returns nothing so far.", "…")
        run.losses.append(float(loss))
    found = {f: run.accuracy(corpus.every_sentence(f, "held_out")) for f in FAMILIES}
    shown = ", ".join(f"{family} {share:.2f}" for family, share in found.items())
    if min(found.values()) >= 0.95:
        return TrainedVerdict(True, f"It has learned. Held-out sentences: {shown}.", "✓", run=run)
    return TrainedVerdict(
        False,
        f"Held-out sentences after {n_steps} steps: {shown}. The loss began at"
        f" {run.losses[0]:.2f} and ended at {run.losses[-1]:.2f}.",
        run=run,
    )


@dataclass(frozen=True, repr=False)
class TrainedVerdict(Verdict):
    """A verdict with the run that it is about."""

    run: TrainingRun | None = None


# The loss over every word


def _texts(seed: int, lengths: Sequence[int], n_words: int) -> tuple[Tensor, Tensor, Tensor]:
    """Logits [B, T, V], ids [B, T] padded on the right with 0, and where they are words."""
    generator = torch.Generator().manual_seed(seed)
    size = (len(lengths), max(lengths))
    logits = 2 * torch.randn(*size, n_words, generator=generator, dtype=torch.float64)
    ids = torch.randint(1, n_words, size, generator=generator)
    is_word = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return logits, ids.masked_fill(~is_word, 0), is_word


def _next_words(
    logits: Tensor, ids: Tensor, is_word: Tensor, counted: Tensor | None = None
) -> Tensor:
    counted = is_word[:, 1:] if counted is None else counted
    return F.cross_entropy(logits[:, :-1][counted], ids[:, 1:][counted])


def _mean_of_means(logits: Tensor, ids: Tensor, is_word: Tensor) -> Tensor:
    each = [
        _next_words(logits[i : i + 1], ids[i : i + 1], is_word[i : i + 1]) for i in range(len(ids))
    ]
    return torch.stack(each).mean()


def _one_for_each(logits: Tensor, ids: Tensor, is_word: Tensor) -> Tensor:
    counted = is_word[:, 1:]
    return F.cross_entropy(logits[:, :-1][counted], ids[:, 1:][counted], reduction="none")


check_every_word_loss = FunctionCheck(
    "check_every_word_loss",
    reference=_next_words,
    cases=[
        partial(_texts, 1, (7, 3, 5), 11),
        partial(_texts, 2, (2, 13), 5),
        partial(_texts, 3, (5,), 3),
    ],
    mistakes=[
        Mistake(
            "targets not shifted, and padding counted",
            lambda logits, ids, is_word: F.cross_entropy(logits.flatten(0, 1), ids.flatten()),
            "Two things. Row t is compared with word t, which it has just read; and the model is"
            " asked to say what padding comes after the end. Fix the shift first.",
        ),
        Mistake(
            "targets not shifted",
            lambda logits, ids, is_word: F.cross_entropy(logits[is_word], ids[is_word]),
            "Row t is compared with word t, which it has just read: a loss that goes to 0 and"
            " teaches nothing. Row t guesses word t + 1.",
        ),
        Mistake(
            "shifted the wrong way",
            lambda logits, ids, is_word: F.cross_entropy(
                logits[:, 1:][is_word[:, 1:]], ids[:, :-1][is_word[:, 1:]]
            ),
            "Row t is compared with word t − 1. It guesses word t + 1: leave out the last row and"
            " the first word.",
        ),
        Mistake(
            "padding counted",
            lambda logits, ids, is_word: F.cross_entropy(
                logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()
            ),
            "The shift is right. But behind shorter sentences stands padding, and you ask for that"
            " too: most of what is learned would be that after the end comes nothing. Keep only"
            " the places where is_word is true.",
        ),
        Mistake(
            "the mask not shifted",
            lambda logits, ids, is_word: _next_words(logits, ids, is_word, is_word[:, :-1]),
            "You keep the places that *read* a word. After the last word of a sentence the next one"
            " is padding: keep the places whose *target* is a word.",
        ),
        Mistake(
            "the mean of means",
            _mean_of_means,
            "A mean for each sentence, and then their mean: a word in a short sentence counts"
            " more. Take one mean over all words.",
        ),
        Mistake(
            "one loss for each word",
            _one_for_each,
            "Each word has its loss. Training needs one number: take the mean.",
        ),
        Mistake(
            "a sum over the words",
            lambda *given: _one_for_each(*given).sum(),
            "The words are added up, so a longer batch would take larger steps. Take the mean.",
        ),
    ],
    praise="Shifted by one, and padding left out.",
)  # fmt: skip


# The sampler


def _draw(scores: Tensor, temperature: float, u: float, *, later: int = 0) -> int:
    """The first word up to which the probabilities come to more than u."""
    return _first_above((scores / temperature).softmax(-1), u) + later


def _first_above(shares: Tensor, u: float) -> int:
    return min(int((shares.cumsum(-1) <= u).sum()), len(shares) - 1)


def _scores(n: int, temperature: float, u: float) -> tuple[Tensor, float, float]:
    generator = torch.Generator().manual_seed(n)
    return 2 * torch.randn(n, generator=generator, dtype=torch.float64), temperature, u


check_sampler = FunctionCheck(
    "check_sampler",
    reference=_draw,
    cases=[
        partial(_scores, n, temperature, u)
        for n, temperature in ((5, 1.0), (7, 0.5), (11, 3.0), (13, 10.0))
        for u in (0.0, 0.07, 0.31, 0.5, 0.62, 0.83, 0.97)
    ],
    mistakes=[
        Mistake(
            "always the likeliest",
            lambda scores, temperature, u: int(scores.argmax()),
            "You take the likeliest word whatever u is. Lay the probabilities end to end from 0 to"
            " 1, and take the word in whose stretch u lies.",
        ),
        Mistake(
            "the temperature is not used",
            lambda scores, temperature, u: _draw(scores, 1.0, u),
            "The scores are divided by the temperature before the softmax.",
        ),
        Mistake(
            "times the temperature",
            lambda scores, temperature, u: _draw(scores, 1 / temperature, u),
            "You multiply by the temperature. Scores are divided by it: a high temperature makes"
            " them more alike.",
        ),
        Mistake(
            "the temperature after the softmax",
            lambda scores, temperature, u: _first_above(scores.softmax(-1) / temperature, u),
            "You divide the probabilities, so they no longer sum to one. Divide the scores.",
        ),
        Mistake(
            "in order of probability",
            lambda scores, temperature, u: int(
                scores.argsort(descending=True)[
                    _first_above((scores / temperature).softmax(-1).sort(descending=True)[0], u)
                ]
            ),
            "That draws with the right chances, but from sorted probabilities. Here the words stay"
            " in the order of their ids.",
        ),
        Mistake(
            "one word too far",
            lambda *given: _draw(*given, later=1),
            "You are one word too far: how many words end at or before u? That is the index.",
        ),
    ],
    praise="Drawn with the right chances, at every temperature.",
)  # fmt: skip


# A family of one's own


@dataclass(frozen=True)
class OwnFamilyCheck:
    """Trains a small model on four fifths of the learner's sentences, and asks it for the others.

    reference: gives sentences that are learned. mistakes: sentences that say nothing about context.
    """

    name: str
    reference: Callable[[], list[str]]
    mistakes: Sequence[Mistake]
    n_steps: int = 300
    at_least: int = 30

    def __call__(self, texts: Any) -> Verdict:
        if texts is None or texts is Ellipsis:
            return Verdict(False, f"Not yet: give {self.name} a list of sentences.", "…")
        if not isinstance(texts, list | tuple) or not all(isinstance(one, str) for one in texts):
            return Verdict(False, f"{self.name} takes a list of sentences, each of them a text.")
        fault = self._fault(texts)
        if fault is not None:
            return Verdict(False, str(self.mistakes[fault]))
        sentences = _marked_sentences(texts)
        random.Random(0).shuffle(sentences)
        n_held_out = len(sentences) // 5
        held_out, trained = sentences[:n_held_out], sentences[n_held_out:]
        run = self._train(trained, sentences)
        known, new = run.accuracy(trained), run.accuracy(held_out)
        counted = max(_by_counting(trained, held_out, n) for n in (0, 1, 2))
        shown = f"Held out: {new:.2f} of {n_held_out} answered, trained: {known:.2f}."
        if counted > 0.9:
            return Verdict(False, str(self.mistakes[3]))
        if new >= 0.9:
            return Verdict(
                True, f"{shown} Counting the one or two words before gets {counted:.2f}.", "✓"
            )
        if known >= 0.9:
            return Verdict(
                False,
                f"{shown} It knows its sentences by heart and has not found your rule. More"
                " combinations of the same words would help, so that none can be recognised.",
            )
        return Verdict(
            False,
            f"{shown} It has not learned even these in {self.n_steps} steps. Does the cue always"
            " stand before the answer? If it does, more sentences with fewer different words make"
            " it easier.",
        )

    def _fault(self, texts: Sequence[str]) -> int | None:
        marked = [re.findall(r"\*[^\s*]+\*", text) for text in texts]
        if any(len(found) != 1 for found in marked):
            return 0
        if len(set(texts)) < self.at_least:
            return 1
        return 2 if len({found[0] for found in marked}) < 2 else None

    def _train(self, trained: list[Sentence], every: list[Sentence]) -> TrainingRun:
        words = sorted({word for one in every for word in one.words})
        vocabulary = Vocabulary((PADDING, HIDDEN, *words))
        longest = max(len(one.words) for one in every)
        config = TransformerConfig(
            len(vocabulary), longest, d_model=32, n_heads=4, d_ff=128, n_layers=2, activation="relu"
        )
        recipe = Recipe(n_steps=self.n_steps, warm_up=50, stop_at=None)
        model = Decoder(config, torch.Generator().manual_seed(0))
        run = TrainingRun(model, vocabulary, "left-to-right", 0, recipe)
        optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.1)
        chance = random.Random(0)
        for step in range(self.n_steps):
            optimizer.param_groups[0]["lr"] = training.learning_rate(step, recipe)
            loss = training.loss_of(run, chance.choices(trained, k=recipe.batch_size))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return run


def _marked_sentences(texts: Sequence[str]) -> list[Sentence]:
    """Sentences of texts whose answer stands between * *; the alternatives are all answers."""
    texts = list(dict.fromkeys(texts))
    found = [text.split() for text in texts]
    at = [next(i for i, w in enumerate(words) if w.startswith("*")) for words in found]
    answers = sorted({words[i].strip("*") for words, i in zip(found, at, strict=True)})
    return [
        Sentence(tuple(w.strip("*") for w in words), "own", i, 0, tuple(answers))
        for words, i in zip(found, at, strict=True)
    ]


def _by_counting(trained: Sequence[Sentence], held_out: Sequence[Sentence], n: int) -> float:
    """How many answers the commonest one after the same n words gets right, in [0, 1]."""
    counts: dict[tuple[str, ...], Counter] = defaultdict(Counter)
    for one in trained:
        counts[one.words[max(0, one.answer - n) : one.answer]][one.words[one.answer]] += 1
    right = 0
    for one in held_out:
        seen = counts.get(one.words[max(0, one.answer - n) : one.answer])
        right += bool(seen) and seen.most_common(1)[0][0] == one.words[one.answer]
    return right / len(held_out)


def _own_family() -> list[str]:
    """Who gives is thanked, who gets may be blessed: two people, and a verb that tells which."""
    names = ("anna", "ben", "clara", "david", "emma", "felix")
    return [
        f"{one} gave {other} {thing} so {mentioned} {verb} *{answer}* ."
        for one, other in permutations(names, 2)
        for thing in ("tea", "bread")
        for verb, mentioned, answer in (("thanked", other, one), ("blessed", one, other))
    ]


check_own_family = OwnFamilyCheck(
    "check_own_family",
    reference=_own_family,
    mistakes=[
        Mistake(
            "no answer is marked",
            lambda: 30 * ["anna thanked ben ."],
            "Each sentence needs exactly one word between asterisks, with spaces around it: the"
            " answer, as in “the keys near the lamp *are* here .”",
        ),
        Mistake(
            "too few sentences",
            lambda: ["anna gave ben tea so ben thanked *anna* ."],
            "Give it 30 different sentences or more: a fifth is held out, and the rest has to show"
            " the rule. Build them with a loop over words.",
        ),
        Mistake(
            "there is only one answer",
            lambda: [f"number {i} gave ben tea so ben thanked *anna* ." for i in range(30)],
            "Every sentence has the same answer, so there is nothing to be decided.",
        ),
        Mistake(
            "counting is enough",
            lambda: [
                f"{n} boxes {name} *{verb}* ."
                for n in range(20)
                for name, verb in (("anna", "held"), ("ben", "kept"))
            ],
            "The words just before the answer decide it, or one answer is nearly always right. A"
            " table of counts could do that; put the cue further away.",
        ),
    ],
)
