"""How does a model that has read much learn a small task of yours?

The vectors of a text are pooled into one, a new linear layer scores the labels, and training moves
that layer alone, or with it the weights below:

    logits = W · mean_t(x_t) + b        loss = −log softmax(logits)[label]

A frozen weight keeps its value. The gradient still passes through it to what lies below.

Devlin et al. (2019), "BERT", section 4 (one new layer, a few epochs, a small learning rate for all
others); Reimers and Gurevych (2019), "Sentence-BERT", section 3 (the mean over tokens); Peters,
Ruder and Smith (2019), "To Tune or Not to Tune?" (what freezing costs).

Axes: ``B`` batch, ``T`` tokens, ``C`` d_model, ``K`` labels, ``N`` texts.
"""

import copy
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from tqdm import tqdm

from incontext import checks
from incontext.pretrained import load_encoder
from incontext.tokenization import Tokenizer
from incontext.transformer import Encoder

RECORDED = Path(__file__).parent / "recorded" / "fine_tuning.json"
EMBEDDINGS = ("token_embedding", "position_embedding", "type_embedding", "embedding_norm")
FROZEN = {  # beginnings of the names of the parameters that keep their values
    "nothing": (),
    "embeddings": tuple(f"encoder.{part}" for part in EMBEDDINGS),
    "encoder": ("encoder.",),
}


def pool(x: Float[Tensor, "B T C"], is_token: Bool[Tensor, "B T"]) -> Float[Tensor, "B C"]:
    """The mean of the vectors of each text, padding left out."""
    kept = is_token[..., None]
    return (x * kept).sum(1) / kept.sum(1)


class Classifier(nn.Module):
    """An encoder, the mean of its vectors, and a score for each label.

    encoder: used as it is, not copied. n_labels: number of labels, at least 2. generator: of the
    new layer's starting weights; see ``torch.nn.init.normal_``, standard deviation 0.02.
    """

    def __init__(
        self, encoder: Encoder, n_labels: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        checks.whole("n_labels", n_labels, minimum=2)
        self.encoder = encoder
        self.out_proj = nn.Linear(encoder.config.d_model, n_labels)
        nn.init.normal_(self.out_proj.weight, std=0.02, generator=generator)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self, ids: Int[Tensor, "B T"], is_token: Bool[Tensor, "B T"]
    ) -> Float[Tensor, "B K"]:
        """The score of each label: ``logits[B, K]``."""
        x = self.encoder(ids, is_token, need_weights=False).last_hidden_state
        return self.out_proj(pool(x, is_token))

    def freeze(self, what: str) -> None:
        """Say which weights keep their values; all others can be trained.

        what: ``"nothing"``; ``"embeddings"``: all that enters the first layer; or ``"encoder"``:
            all but the new layer.
        """
        checks.one_of("freeze", what, tuple(FROZEN))
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(not name.startswith(FROZEN[what]))


def fresh_embeddings(encoder: Encoder, generator: torch.Generator | None = None) -> Encoder:
    """A copy of an encoder whose table of tokens is random, with the trained table's spread.

    Positions, types and layers stay as they were trained.
    """
    made = copy.deepcopy(encoder)
    table = made.token_embedding.weight
    with torch.no_grad():
        nn.init.normal_(table, std=table.std().item(), generator=generator)
    return made


@dataclass
class FineTuningRun:
    """A classifier, what it was trained on and how it went."""

    classifier: Classifier
    tokenizer: Tokenizer
    labels: tuple[str, ...]  # in the order of the logits
    texts: list[str]  # that it was trained on
    targets: Int[Tensor, " N"]  # their labels, by number
    losses: list[float] = field(default_factory=list)  # of every step, nats

    @torch.no_grad()
    def probabilities(self, texts: Sequence[str]) -> Float[Tensor, "N K"]:
        """The probability of each label for each text."""
        _check_texts(texts, self.classifier.encoder, self.tokenizer)
        batches = [texts[i : i + 32] for i in range(0, len(texts), 32)]
        logits = [self.classifier(*self.tokenizer.encode_batch(batch)) for batch in batches]
        return torch.cat(logits).softmax(-1)

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The likeliest label of each text."""
        return [self.labels[i] for i in self.probabilities(texts).argmax(-1).tolist()]

    def accuracy(self, texts: Sequence[str], labels: Sequence[str]) -> float:
        """The share of texts whose likeliest label is theirs, in [0, 1]."""
        check_examples(texts, labels)
        for label in labels:
            checks.one_of("labels", label, self.labels)
        right = [one == label for one, label in zip(self.predict(texts), labels, strict=True)]
        return sum(right) / len(right)


def fit(
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    freeze: str = "nothing",
    model: tuple[Encoder, Tokenizer] | None = None,
    n_epochs: int = 3,
    batch_size: int = 16,
    learning_rate: float = 3e-5,
    new_learning_rate: float = 0.01,
    seed: int = 0,
    progress: bool = True,
    on_step: Callable[[FineTuningRun], None] | None = None,
) -> FineTuningRun:
    """Train a classifier of texts on a pretrained encoder.

    texts, labels: as many of the one as of the other, with two different labels or more. A label is
        the name of a class, written in one way.
    freeze: what keeps its values; see ``Classifier.freeze``.
    model: what ``load_encoder`` returns, MiniLM where None; it stays as it is, a copy is trained.
    n_epochs: how often each text is seen. batch_size: texts in a step.
    learning_rate: of Adam, for the encoder's weights, which have much to lose.
    new_learning_rate: the same for the new layer, which has everything to learn.
    seed: of the new layer's starting weights and of the order of the texts.
    progress: whether to show a progress bar with the loss.
    on_step: called with the run after every step; what it raises ends the training.

    Raises ``ValueError`` before the first step for what cannot work.
    """
    checks.whole("n_epochs", n_epochs)
    checks.whole("batch_size", batch_size)
    checks.positive("learning_rate", learning_rate)
    checks.positive("new_learning_rate", new_learning_rate)
    checks.whole("seed", seed, minimum=0)
    chance = torch.Generator().manual_seed(seed)
    run = new_run(texts, labels, freeze=freeze, model=model, generator=chance)
    optimizer = torch.optim.Adam(
        [
            {"params": run.classifier.encoder.parameters(), "lr": learning_rate},
            {"params": run.classifier.out_proj.parameters(), "lr": new_learning_rate},
        ],
        fused=True,  # the same step in one pass over the weights
    )
    n_steps = n_epochs * math.ceil(len(run.texts) / batch_size)
    with tqdm(total=n_steps, disable=not progress) as bar:
        for _ in range(n_epochs):
            for rows in torch.randperm(len(run.texts), generator=chance).split(batch_size):
                ids, is_token = run.tokenizer.encode_batch([run.texts[i] for i in rows])
                loss = F.cross_entropy(run.classifier(ids, is_token), run.targets[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

                run.losses.append(loss.item())
                bar.update()
                bar.set_postfix(loss=f"{loss.item():.3f}")
                if on_step is not None:
                    on_step(run)
    return run


def new_run(
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    freeze: str = "nothing",
    model: tuple[Encoder, Tokenizer] | None = None,
    generator: torch.Generator | None = None,
) -> FineTuningRun:
    """A run before its first step, on a copy of the model. Arguments and errors as in ``fit``."""
    checks.one_of("freeze", freeze, tuple(FROZEN))
    check_examples(texts, labels)
    names = tuple(sorted(set(labels)))
    if len(names) < 2:
        raise ValueError(f"labels must name at least two classes, got only {names[0]!r}")
    _check_spelling(names)
    encoder, tokenizer = load_encoder() if model is None else (copy.deepcopy(model[0]), model[1])
    _check_texts(texts, encoder, tokenizer)
    classifier = Classifier(encoder, len(names), generator)
    classifier.freeze(freeze)
    targets = torch.tensor([names.index(label) for label in labels])
    return FineTuningRun(classifier, tokenizer, names, list(texts), targets)


def movement(before: Encoder, after: Encoder) -> dict[str, float]:
    """How far the weights of each part have moved, as a share of their size: |W' − W| / |W|.

    before, after: encoders of one configuration. The parts are ``"embeddings"``, all that enters
    the first layer, and ``"layer 1"`` and so on.
    """
    if before.config != after.config:
        raise ValueError("before and after must be encoders of one config, got two")
    moved, size = defaultdict(float), defaultdict(float)
    new = dict(after.named_parameters())
    for name, weight in before.named_parameters():
        part = f"layer {int(name.split('.')[1]) + 1}" if name.startswith("blocks") else "embeddings"
        moved[part] += (new[name] - weight).double().square().sum().item()
        size[part] += weight.double().square().sum().item()
    return {part: math.sqrt(moved[part] / size[part]) for part in size}


def recorded() -> dict:
    """What scripts/record_fine_tuning.py has recorded: runs by regime and seed, and baselines."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))


# What it is compared with


def words_of(text: str) -> list[str]:
    """The words of a text in lower case: letters and apostrophes."""
    return re.findall("[a-z']+", text.lower())


def word_counts(texts: Sequence[str], words: Sequence[str]) -> Float[Tensor, "N V"]:
    """How often each of the words occurs in each text; other words count for nothing."""
    counts = [Counter(words_of(text)) for text in texts]
    return torch.tensor([[float(count[word]) for word in words] for count in counts])


def linear_probe(
    features: Float[Tensor, "N F"],
    targets: Int[Tensor, " N"],
    n_steps: int = 200,
    learning_rate: float = 0.05,
) -> nn.Linear:
    """Logistic regression: a linear layer, trained on all rows at once, from weights of zero.

    features: F numbers for each text. targets: labels by number.
    """
    layer = nn.Linear(features.shape[1], int(targets.max()) + 1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(layer.parameters(), lr=learning_rate)
    for _ in range(n_steps):
        loss = F.cross_entropy(layer(features), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return layer


def bag_of_words_accuracy(
    texts: Sequence[str], labels: Sequence[str], new_texts: Sequence[str], new_labels: Sequence[str]
) -> float:
    """The share of new texts that logistic regression on word counts gets right, in [0, 1]."""
    check_examples(texts, labels)
    check_examples(new_texts, new_labels)
    names, words = sorted(set(labels)), sorted({word for text in texts for word in words_of(text)})
    targets = torch.tensor([names.index(label) for label in labels])
    layer = linear_probe(word_counts(texts, words), targets)
    found = layer(word_counts(new_texts, words)).argmax(-1).tolist()
    return sum(names[i] == label for i, label in zip(found, new_labels, strict=True)) / len(found)


# Checks


def _check_texts(texts: Sequence[str], encoder: Encoder, tokenizer: Tokenizer) -> None:
    """Texts that the encoder can take."""
    _check_strings("texts", texts)
    for i, text in enumerate(texts):
        n_tokens, most = len(tokenizer.encode(text)), encoder.config.n_positions
        if n_tokens > most:
            raise ValueError(f"texts[{i}] has {n_tokens} tokens, and the encoder takes {most}")


def check_examples(texts: Sequence[str], labels: Sequence[str]) -> None:
    """Texts, and a label for each: strings with something in them. ``ValueError`` otherwise."""
    _check_strings("texts", texts)
    _check_strings("labels", labels)
    if len(texts) != len(labels):
        raise ValueError(f"labels must be one for each of {len(texts)} texts, got {len(labels)}")


def _check_spelling(names: Sequence[str]) -> None:
    """That no two names of a class are one, written in two ways."""
    seen = {}
    for name in names:
        other = seen.setdefault(name.strip().lower(), name)
        if other != name:
            raise ValueError(f"labels must not differ by case or spaces alone: {other!r}, {name!r}")


def _check_strings(name: str, values: Sequence[str]) -> None:
    if isinstance(values, str) or not isinstance(values, Sequence) or not len(values):
        got = repr(values) if isinstance(values, str | list) else type(values).__name__
        raise ValueError(f"{name} must be a list of at least one str, got {got}")
    for i, one in enumerate(values):
        if not isinstance(one, str):
            raise ValueError(f"{name}[{i}] must be a str, got {type(one).__name__}")
        if not one.strip():
            raise ValueError(f"{name}[{i}] must not be empty, got {one!r}")
