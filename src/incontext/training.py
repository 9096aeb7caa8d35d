"""How does a transformer learn what decides a word?

It guesses, is told how surprised it was at the right word, and every weight moves a little in the
direction that would have surprised it less:

    loss = −log p(answer | the words it may see)        θ ← θ − η · (its gradient, by AdamW)

``train`` does so with small models of our own on the grammar of ``corpus``: a ``Decoder`` that
reads left to right, or a ``BothSides`` that reads the whole sentence with the answer hidden. A run
can be interrupted at any moment and goes on from its last checkpoint as if nothing had happened:
the sentences of step n follow from the seed and n alone.

Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization" (AdamW); Devlin et al. (2019),
"BERT", section 3.1 (hiding a word); Goyal et al. (2017), "Accurate, Large Minibatch SGD", section
2.2 (a learning rate that rises first).

Axes: ``B`` batch, ``T`` tokens, ``V`` the vocabulary.
"""

import dataclasses
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from tqdm import tqdm

from incontext import checks, corpus
from incontext.config import TransformerConfig
from incontext.corpus import FAMILIES, READINGS, Sentence
from incontext.transformer import Decoder, DecoderOutput, Encoder

PADDING, HIDDEN = "[PAD]", "[HIDDEN]"
LOSSES = ("answer", "every word")
RECORDED = Path(__file__).with_name("recorded")  # runs that chapters read


class Vocabulary:
    """The words of a small model and their ids: padding, the hidden word, then all others."""

    def __init__(self, words: Sequence[str] | None = None) -> None:
        self.words = tuple(words or (PADDING, HIDDEN, *corpus.vocabulary()))
        self._ids = {word: i for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, words: str | Iterable[str]) -> Int[Tensor, " T"]:
        """Ids of the words of a text, or of a list. Raises ``ValueError`` for a word not in it."""
        words = words.split() if isinstance(words, str) else list(words)
        unknown = [word for word in words if word not in self._ids]
        if unknown:
            shown = ", ".join(map(repr, unknown))
            raise ValueError(f"words must be in the vocabulary, got {shown}")
        return torch.tensor([self._ids[word] for word in words], dtype=torch.int64)

    def decode(self, ids: Int[Tensor, " T"] | Iterable[int]) -> str:
        """The text of these ids."""
        return " ".join(self.words[int(number)] for number in ids)


class BothSides(nn.Module):
    """An ``Encoder`` with a score for every word at every place: what could stand here?"""

    def __init__(self, config: TransformerConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.stack = Encoder(config, generator)
        self.out_proj = nn.Linear(config.d_model, config.vocab_size, bias=False)
        if config.tied:
            self.out_proj.weight = self.stack.token_embedding.weight
        else:
            nn.init.normal_(self.out_proj.weight, std=0.02, generator=generator)

    def forward(self, ids: Int[Tensor, "B T"], mask=None, **options) -> DecoderOutput:
        """Vectors, weights and ``logits[B, T, V]``: row t scores the word at t itself."""
        seen = self.stack(ids, mask, **options)
        logits = self.out_proj(seen.last_hidden_state)
        return DecoderOutput(seen.last_hidden_state, seen.hidden_states, seen.attentions, logits)


@dataclass(frozen=True)
class Recipe:
    """How a run is trained. Raises ``ValueError`` where it cannot work."""

    n_steps: int = 2000  # at most
    batch_size: int = 32  # sentences in a step
    learning_rate: float = 0.005  # at its highest
    warm_up: int = 100  # steps in which the learning rate rises from 0
    weight_decay: float = 0.01
    loss: str = "answer"  # or "every word": what the model is asked for
    families: tuple[str, ...] = FAMILIES  # of the sentences that it sees
    validate_every: int = 100  # steps between two looks at held-out sentences
    stop_at: float | None = 0.99  # held-out accuracy of every family that ends the run, or None

    def __post_init__(self) -> None:
        for name in ("n_steps", "batch_size", "validate_every"):
            checks.whole(name, getattr(self, name))
        checks.positive("learning_rate", self.learning_rate)
        checks.whole("warm_up", self.warm_up, minimum=0)
        checks.finite("weight_decay", self.weight_decay)
        checks.one_of("loss", self.loss, LOSSES)
        if not self.families:
            raise ValueError("families must name at least one family, got none")
        for family in self.families:
            checks.one_of("families", family, FAMILIES)
        if self.stop_at is not None and not 0 < self.stop_at <= 1:
            raise ValueError(f"stop_at={self.stop_at} must be above 0 and at most 1")


def default_config() -> TransformerConfig:
    """The chapter's own: 2 layers, 4 heads, d_model 32, some 28,000 parameters."""
    return TransformerConfig(
        vocab_size=len(Vocabulary()),
        n_positions=32,
        d_model=32,
        n_heads=4,
        d_ff=128,
        n_layers=2,
        activation="relu",
    )


@dataclass(frozen=True)
class Look:
    """What held-out sentences showed after so many steps, by family."""

    step: int
    loss: dict[str, float]  # mean loss at the answer, nats
    accuracy: dict[str, float]  # share of answers preferred to the other alternative


@dataclass
class TrainingRun:
    """A model, what it was trained on and how it went."""

    model: Decoder | BothSides
    vocabulary: Vocabulary
    reading: str  # one of READINGS
    seed: int
    recipe: Recipe
    losses: list[float] = field(default_factory=list)  # of every step, nats
    looks: list[Look] = field(default_factory=list)

    @torch.no_grad()
    def accuracy(self, sentences: Sequence[Sentence]) -> float:
        """The share of sentences whose answer is the likeliest of its alternatives, in [0, 1].

        It is predicted from the words before it, or, reading both sides, hidden and predicted from
        all others.
        """
        _check_sentences(sentences)
        logits = self.logits_at_answers(sentences)
        best = [
            max(one.alternatives, key=lambda word: row[self.vocabulary.encode([word])].item())
            for one, row in zip(sentences, logits, strict=True)
        ]
        right = [word == one.words[one.answer] for word, one in zip(best, sentences, strict=True)]
        return sum(right) / len(right)

    @torch.no_grad()
    def answer_loss(self, sentences: Sequence[Sentence]) -> float:
        """The mean loss at the answer among all words, in nats."""
        _check_sentences(sentences)
        answers = self.vocabulary.encode([one.words[one.answer] for one in sentences])
        return F.cross_entropy(self.logits_at_answers(sentences), answers).item()

    def logits_at_answers(self, sentences: Sequence[Sentence]) -> Float[Tensor, "B V"]:
        """The scores of all words for the place of each sentence's answer."""
        ids, is_word, at = batch_of(sentences, self.vocabulary, self.reading)
        logits = self.model(ids, is_word, need_weights=False).logits
        return logits[torch.arange(len(ids)), at]


def train(
    config: TransformerConfig | None = None,
    *,
    reading: str = "left-to-right",
    seed: int = 0,
    progress: bool = True,
    checkpoint: str | Path | None = None,
    recipe: Recipe | None = None,
) -> TrainingRun:
    """Train a small model on the corpus.

    config: sizes and choices; ``default_config()`` where None, which takes about a minute on two
        cores. Its vocab_size must be that of ``Vocabulary()``.
    reading: ``"left-to-right"`` or ``"both-sides"``.
    seed: of the starting weights and of the sentences.
    progress: whether to show a progress bar, with the accuracy at the last look.
    checkpoint: a file that is written at every look; where it is there already the run goes on
        from it, and ends as an uninterrupted one would.
    recipe: see ``Recipe``.

    Raises ``ValueError`` before the first step for what cannot work.
    """
    config = default_config() if config is None else config
    recipe = Recipe() if recipe is None else recipe
    run = new_run(config, reading=reading, seed=seed, recipe=recipe)
    return fit(run, progress=progress, checkpoint=checkpoint)


def fit(
    run: TrainingRun,
    *,
    progress: bool = True,
    checkpoint: str | Path | None = None,
    on_step: Callable[[TrainingRun], None] | None = None,
) -> TrainingRun:
    """Train the model of a run from ``new_run`` in place, and return the run.

    progress, checkpoint: as in ``train``.
    on_step: called with the run after every step; what it raises ends the training.
    """
    recipe = run.recipe
    optimizer = torch.optim.AdamW(
        run.model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    if checkpoint is not None and Path(checkpoint).exists():
        _go_on_from(Path(checkpoint), run, optimizer)

    held_out = {one: corpus.every_sentence(one, "held_out") for one in recipe.families}
    with tqdm(total=recipe.n_steps, initial=len(run.losses), disable=not progress) as bar:
        while len(run.losses) < recipe.n_steps and not _has_learned(run):
            step = len(run.losses)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, recipe)
            loss = loss_of(run, sentences_of_step(step, run))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

            run.losses.append(loss.item())
            bar.update()
            if len(run.losses) % recipe.validate_every == 0 or len(run.losses) == recipe.n_steps:
                run.looks.append(look(run, held_out))
                bar.set_postfix(run.looks[-1].accuracy)
                if checkpoint is not None:
                    _write(Path(checkpoint), run, optimizer)
            if on_step is not None:
                on_step(run)
    return run


def new_run(
    config: TransformerConfig,
    *,
    reading: str = "left-to-right",
    seed: int = 0,
    recipe: Recipe | None = None,
) -> TrainingRun:
    """A run before its first step: starting weights from the seed."""
    checks.one_of("reading", reading, READINGS)
    checks.whole("seed", seed, minimum=0)
    recipe = Recipe() if recipe is None else recipe
    vocabulary = Vocabulary()
    if config.vocab_size != len(vocabulary):
        raise ValueError(
            f"config.vocab_size={config.vocab_size} must be {len(vocabulary)}, the number of words"
        )
    longest = max(len(s.words) for f in recipe.families for s in corpus.every_sentence(f))
    if config.positions in ("learned", "sinusoidal") and config.n_positions < longest:
        raise ValueError(
            f"config.n_positions={config.n_positions} must be at least {longest}, the words of the "
            "longest sentence"
        )
    kind = Decoder if reading == "left-to-right" else BothSides
    model = kind(config, torch.Generator().manual_seed(seed))
    return TrainingRun(model, vocabulary, reading, seed, recipe)


def batch_of(
    sentences: Sequence[Sentence], vocabulary: Vocabulary, reading: str
) -> tuple[Int[Tensor, "B T"], Bool[Tensor, "B T"], Int[Tensor, " B"]]:
    """Ids, padded on the right; where they are words; and the row of logits that is the answer's.

    Left to right that is the row of the word before; reading both sides its own, and hidden.
    """
    rows = [vocabulary.encode(one.words) for one in sentences]
    ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)  # padding has id 0
    is_word = ids != 0
    answers = torch.tensor([one.answer for one in sentences])
    if reading == "left-to-right":
        return ids, is_word, answers - 1
    ids[torch.arange(len(ids)), answers] = vocabulary.encode([HIDDEN])
    return ids, is_word, answers


def loss_of(run: TrainingRun, sentences: Sequence[Sentence]) -> Float[Tensor, ""]:
    """The mean loss that the model is trained on, in nats: at the answers, or at every word."""
    if run.recipe.loss == "answer":
        answers = run.vocabulary.encode([one.words[one.answer] for one in sentences])
        return F.cross_entropy(run.logits_at_answers(sentences), answers)
    ids, is_word, _ = batch_of(sentences, run.vocabulary, "left-to-right")
    logits = run.model(ids[:, :-1], is_word[:, :-1], need_weights=False).logits
    return F.cross_entropy(logits[is_word[:, 1:]], ids[:, 1:][is_word[:, 1:]])


def sentences_of_step(step: int, run: TrainingRun) -> list[Sentence]:
    """The batch of a step: it follows from the seed and the step alone."""
    n_families = len(run.recipe.families)
    batch = []
    for i, family in enumerate(run.recipe.families):
        size = run.recipe.batch_size * (i + 1) // n_families - len(batch)
        if size:
            batch += corpus.sentences(size, family, seed=(run.seed * 1_000_003 + step) * 7 + i)
    return batch


def learning_rate(step: int, recipe: Recipe) -> float:
    """It rises in a straight line, then falls along half a cosine to a tenth."""
    if step < recipe.warm_up:
        return recipe.learning_rate * (step + 1) / recipe.warm_up
    done = (step - recipe.warm_up) / max(1, recipe.n_steps - recipe.warm_up)
    return recipe.learning_rate * (0.1 + 0.9 * (1 + math.cos(math.pi * done)) / 2)


def look(run: TrainingRun, by_family: dict[str, list[Sentence]]) -> Look:
    """Loss and accuracy on these sentences now."""
    return Look(
        step=len(run.losses),
        loss={name: run.answer_loss(some) for name, some in by_family.items()},
        accuracy={name: run.accuracy(some) for name, some in by_family.items()},
    )


# Files


def save(run: TrainingRun, path: str | Path) -> None:
    """Write a run to a file (safetensors, with its history): whole or not at all.

    It can be read and used; to go on training, give ``train`` a ``checkpoint``, which holds the
    state of the optimizer too.
    """
    _write(Path(path), run)


def load(path: str | Path) -> TrainingRun:
    """The run of a file that ``save``, ``train`` or the page has written.

    Raises ``ValueError`` for a file that is something else or damaged.
    """
    path = Path(path)
    try:
        with safetensors.safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            about = json.loads((file.metadata() or {})["incontext"])
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not the file of a training run: {error}") from None
    recipe = Recipe(**{**about["recipe"], "families": tuple(about["recipe"]["families"])})
    run = new_run(
        TransformerConfig(**about["config"]),
        reading=about["reading"],
        seed=about["seed"],
        recipe=recipe,
    )
    run.vocabulary = Vocabulary(about["vocabulary"])
    run.losses = list(about["losses"])
    run.looks = [Look(**one) for one in about["looks"]]
    weights = {name: t for name, t in tensors.items() if not name.startswith("optimizer.")}
    if run.model.config.tied:
        weights["out_proj.weight"] = weights.get("stack.token_embedding.weight")
    try:
        run.model.load_state_dict(weights)
    except (RuntimeError, AttributeError) as error:
        raise ValueError(f"{path} has other weights than its config asks for: {error}") from None
    return run


def _write(path: Path, run: TrainingRun, optimizer: torch.optim.Optimizer | None = None) -> None:
    tensors = run.model.state_dict()
    if run.model.config.tied:
        del tensors["out_proj.weight"]  # the table of tokens once more
    if optimizer is not None:
        for name, parameter in run.model.named_parameters():
            for key, state in optimizer.state[parameter].items():
                tensors[f"optimizer.{key}.{name}"] = state
    about = {
        "config": dataclasses.asdict(run.model.config),
        "reading": run.reading,
        "seed": run.seed,
        "recipe": dataclasses.asdict(run.recipe),
        "vocabulary": run.vocabulary.words,
        "losses": run.losses,
        "looks": [dataclasses.asdict(one) for one in run.looks],
    }
    content = safetensors.torch.save(
        {name: tensor.contiguous() for name, tensor in tensors.items()},
        metadata={"incontext": json.dumps(about)},
    )
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            os.unlink(file.name)
            raise
    os.replace(file.name, path)


def _go_on_from(path: Path, run: TrainingRun, optimizer: torch.optim.Optimizer) -> None:
    """The state of a checkpoint of the same run."""
    held = load(path)
    for name in ("reading", "seed", "recipe"):
        if getattr(held, name) != getattr(run, name):
            raise ValueError(
                f"checkpoint {path} is of another run: its {name} is {getattr(held, name)!r}, "
                f"required is {getattr(run, name)!r}"
            )
    if held.model.config != run.model.config:
        raise ValueError(f"checkpoint {path} is of another run: its config differs")
    run.model.load_state_dict(held.model.state_dict())
    run.losses, run.looks = held.losses, held.looks
    with safetensors.safe_open(path, "pt") as file:
        names = set(file.keys())
        for name, parameter in run.model.named_parameters():
            optimizer.state[parameter] = {
                key: file.get_tensor(f"optimizer.{key}.{name}")
                for key in ("step", "exp_avg", "exp_avg_sq")
                if f"optimizer.{key}.{name}" in names
            }


def _has_learned(run: TrainingRun) -> bool:
    stop_at = run.recipe.stop_at
    return bool(stop_at and run.looks and min(run.looks[-1].accuracy.values()) >= stop_at)


def _check_sentences(sentences: Sequence[Sentence]) -> None:
    if not len(sentences) or not all(isinstance(one, Sentence) for one in sentences):
        raise ValueError("sentences must be a list of at least one corpus.Sentence")
