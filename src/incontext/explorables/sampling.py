"""What does a model write that was trained on every word? Draw its next word, and the next."""

import copy
import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from incontext import corpus, plots
from incontext.generation import next_token_probabilities
from incontext.softmax import entropy
from incontext.training import TrainingRun, load
from incontext.transformer import Decoder

from .base import Explorable, Numbers, pack
from .controls import integer, slider, steps, text, toggle
from .next_token import uniform

RECORDED = Path(__file__).parents[1] / "recorded" / "writer.safetensors"
N_SIGNS = 2  # padding and the hidden word, the first ids: never drawn
END = "."
BEGINNINGS = (
    "the cat did not cross the road because it was too",
    "the keys behind the door",
    "the dog chased the cat , whom : the",
    "anna took the boat to the bank and met the",
    "the",
)
N_SHOWN = 8  # words with a bar of their own
SEEDS = 30
TOP_K = (1, 2, 3, 4, 5, 8, 10, 20, "all")
IN_TRAINING, HELD_OUT, WRONG_ANSWER, OUTSIDE = "in training", "held out", "wrong answer", "outside"


class Grammar:
    """Every sentence of the corpus, to look one up."""

    def __init__(self) -> None:
        self.splits, self.answers = {}, {}
        for family in corpus.FAMILIES:
            for split, name in (("train", IN_TRAINING), ("held_out", HELD_OUT)):
                for one in corpus.every_sentence(family, split):
                    self.splits[one.text] = name
                    self.answers[_without(one.words, one.answer)] = one.words[one.answer]

    def verdict(self, words: Sequence[str]) -> tuple[str, str]:
        """What a finished sentence is, and the right answer where another word stands for it.

        ``IN_TRAINING`` or ``HELD_OUT`` for a sentence of the grammar, ``WRONG_ANSWER`` for one that
        has but its answer wrong, else ``OUTSIDE``.
        """
        if split := self.splits.get(" ".join(words)):
            return split, ""
        for place in range(len(words)):
            if right := self.answers.get(_without(words, place)):
                return WRONG_ANSWER, right
        return OUTSIDE, ""


@dataclass(frozen=True)
class Text:
    """A beginning, as far as it could be read, and the words drawn after it."""

    words: tuple[str, ...]  # read, then drawn
    n_read: int
    unread: tuple[str, ...]  # the rest of the beginning, from the first word that could not be read
    logits: Float[Tensor, "T V"] | None  # row t scores the words that could follow words[t]
    n_positions: int

    @property
    def has_ended(self) -> bool:
        return self.words[-1:] == (END,)

    @property
    def goes_on(self) -> bool:
        """Whether a word can follow."""
        return 0 < len(self.words) < self.n_positions and not self.has_ended

    @property
    def place(self) -> int:
        """Whose probabilities are shown: the next word's, or the last one's if none can follow."""
        return len(self.words) if self.goes_on else max(len(self.words) - 1, 0)


class Sampling(Explorable):
    name = "sampling"
    title = "A model that writes"
    try_first = (
        "Move New words up and read what the model writes. Then drag Temperature to 3, and down "
        "again: it is written anew."
    )
    provenance = "learned"
    caption = (
        "A small decoder continues what you type. Plain words are yours, framed ones were drawn; "
        "below each stands its probability. A pale bar is what a word had before the cut. Choose "
        "a bar to write its word, a framed word to go back to its draw. Whatever you turn, all "
        "words are drawn anew with the same random numbers. "
        "Learned weights: the course’s own model of 2 layers and 4 heads, trained on every word of "
        "the corpus, with seed 0, by python scripts/record_sampling.py. The recorded weights are "
        "rounded to 16 bits each, so that the page and the package compute with the same numbers."
    )
    fallback_size = (7.2, 4.0)

    beginning = text("Beginning", BEGINNINGS[0], max_length=240, examples=BEGINNINGS)
    temperature = slider("Temperature", 1.0, minimum=0.1, maximum=3.0, symbol="T", scale="log")
    top_k = steps("Top-k", "all", TOP_K, symbol="k")
    top_p = slider("Top-p", 1.0, minimum=0.05, maximum=1.0, step=0.01, symbol="p")
    greedy = toggle("Greedy", False)
    n_new = integer("New words at most", 0, minimum=0, maximum=23)
    seed = integer("Seed", 1, minimum=1, maximum=SEEDS)

    def __init__(self, **values):
        run = load(RECORDED)
        self._config = run.model.config
        self._weights, self._decoder = packed(run.model)
        self._words = run.vocabulary.words[N_SIGNS:]
        self._chance = {
            seed: uniform(self._config.n_positions, seed).round(6) for seed in range(1, SEEDS + 1)
        }
        self._grammar = Grammar()
        super().__init__(**values)
        self.observe(self._start_over, names="beginning")

    def _start_over(self, change):
        self.n_new = 0

    def data(self):
        config = self._config
        return {
            "config": {
                "heads": config.n_heads,
                "layers": config.n_layers,
                "dModel": config.d_model,
                "nPositions": config.n_positions,
            },
            "weights": self._weights,
            "words": list(self._words),
            "first": sorted({line.split()[0] for line in self._grammar.splits}),
            "nSigns": N_SIGNS,
            "chance": {seed: numbers.tolist() for seed, numbers in self._chance.items()},
            "grammar": [
                {
                    "train": [one.text for one in corpus.every_sentence(family)],
                    "heldOut": [one.text for one in corpus.every_sentence(family, "held_out")],
                    "answer": _answer_from_the_end(family),
                }
                for family in corpus.FAMILIES
            ],
        }

    def written(self) -> Text:
        """What stands there now."""
        n_positions = self._config.n_positions
        words = tuple(tokens_of(self.beginning))
        n_read = next(
            (
                i
                for i, word in enumerate(words)
                if word not in self._words or END in words[:i] or i == n_positions
            ),
            len(words),
        )
        read, unread = words[:n_read], words[n_read:]
        so_far = Text(read, n_read, unread, self._logits(read), n_positions)
        for number in self._chance[self.seed][: self.n_new]:
            if not so_far.goes_on:
                break
            drawn = self._words[draw(self._after(so_far.logits[-1]), number)]
            longer = (*so_far.words, drawn)
            so_far = dataclasses.replace(so_far, words=longer, logits=self._logits(longer))
        return so_far

    def _logits(self, words: Sequence[str]) -> Float[Tensor, "T V"] | None:
        if not words:
            return None
        ids = [N_SIGNS + self._words.index(word) for word in words]
        with torch.no_grad():
            output = self._decoder(torch.tensor([ids]), need_weights=False)
        return output.logits[0, :, N_SIGNS:]

    def _before(self, logits: Float[Tensor, "*axes V"]) -> Float[Tensor, "*axes V"]:
        """Probabilities at this temperature, nothing cut."""
        return next_token_probabilities(logits, temperature=self.temperature)

    def _after(self, logits: Float[Tensor, "*axes V"]) -> Float[Tensor, "*axes V"]:
        """The probabilities that words are drawn from."""
        if self.greedy:
            return torch.eye(logits.shape[-1], dtype=logits.dtype)[logits.argmax(-1)]
        return next_token_probabilities(
            logits,
            temperature=self.temperature,
            top_k=None if self.top_k == "all" else self.top_k,
            top_p=self.top_p,
        )

    def _ranked(self, written: Text) -> list[tuple[str, float, float, float]]:
        """(word, logit, probability before the cut, and after), the likeliest first."""
        if written.place == 0:
            return []
        logits = written.logits[written.place - 1]
        columns = (logits, self._before(logits), self._after(logits))
        order = logits.argsort(descending=True, stable=True).tolist()
        return [(self._words[i], *(one[i].item() for one in columns)) for i in order]

    def numbers(self):
        written = self.written()
        ranked = self._ranked(written)
        rows = [list(one) for one in ranked[:N_SHOWN]]
        if ranked:
            _, _, *columns = zip(*ranked, strict=True)
            before, after = torch.tensor(columns, dtype=torch.float64)
            n_others = len(ranked) - N_SHOWN
            others = (part[N_SHOWN:].sum().item() for part in (before, after))
            rows += [
                [f"{n_others} others", "", *others],
                ["words kept", "", len(ranked), int((after > 0).sum())],
                ["entropy (nats)", "", entropy(before).item(), entropy(after).item()],
            ]
        rows += [
            [f"word {i + 1}: {word}", "", before, after]
            for i, (word, before, after) in enumerate(self._chances(written))
        ]
        drawn = len(written.words) - written.n_read
        verdict, right = self._grammar.verdict(written.words)
        rows += [
            ["words read", "", "", written.n_read],
            ["words not read", "", "", len(written.unread)],
            ["words drawn", "", "", drawn],
            ["new words at most", "", "", self.n_new],
            ["temperature", "", "", self.temperature],
            ["top-k", "", "", self.top_k],
            ["top-p", "", "", self.top_p],
            ["greedy", "", "", "yes" if self.greedy else "no"],
            ["seed", "", "", self.seed],
            ["the sentence is", "", "", verdict if written.has_ended else "unfinished"],
            ["right answer", "", "", right],
        ]
        return Numbers(["", "logit", "before the cut", "probability"], rows)

    def _chances(self, written: Text) -> list[tuple[str, float | str, float | str]]:
        """Every word with its probability before and after the cut; the first word has none."""
        chances = [(word, "", "") for word in written.words[:1]]
        for i, word in enumerate(written.words[1:]):
            logits, at = written.logits[i], self._words.index(word)
            chances.append((word, self._before(logits)[at].item(), self._after(logits)[at].item()))
        return chances

    def draw(self, figure):
        written = self.written()
        figure.suptitle(f"“{' '.join(written.words)} …”", x=0.01, ha="left")
        ranked = self._ranked(written)[:N_SHOWN]
        plots.bars(
            [after for *_, after in ranked],
            [word for word, *_ in ranked],
            figure.subplots(),
            horizontal=True,
            limits=(0, 1),
            digits=3,
            title=f"Probability of the next word at T = {self.temperature:g}",
        )

    def alt(self):
        written = self.written()
        listed = ", ".join(f"{word} {after:.3f}" for word, *_, after in self._ranked(written)[:5])
        how = "greedily" if self.greedy else f"at temperature {self.temperature:g}"
        return (
            f"A text that a small model writes {how}, with top-k {self.top_k} and top-p "
            f"{self.top_p:g}: “{' '.join(written.words)}”, of which the first {written.n_read} "
            f"words were given. Bars of the likeliest next words: {listed or 'none, for no text'}."
        )


def tokens_of(line: str) -> list[str]:
    """The words and signs of a line, in lower case: "The cat." has three."""
    return re.findall(r"[.,:]|[^ .,:]+", line.lower())


def draw(probabilities: Float[Tensor, " V"], number: float) -> int:
    """The word that a random number between 0 and 1 draws: the first, from the likeliest on, whose
    running total passes it."""
    ranked, ids = probabilities.sort(descending=True, stable=True)
    passed = int((ranked.cumsum(0) <= number).sum())
    return ids[min(passed, int((ranked > 0).sum()) - 1)].item()


def packed(decoder: Decoder) -> tuple[dict[str, dict], Decoder]:
    """A decoder's weights for the page, and the decoder with the same weights, in float64."""
    twin = copy.deepcopy(decoder).double()
    travelling = {}
    for (name, weight), theirs in zip(decoder.named_parameters(), twin.parameters(), strict=True):
        travelling[name], read = pack(weight.detach())
        theirs.data = torch.from_numpy(read)
    return travelling, twin


def write(
    run: TrainingRun, n: int, *, temperature: float = 1.0, seed: int = 1
) -> list[tuple[str, ...]]:
    """``n`` texts of a run, up to the full stop or the last position, nothing cut.

    Each begins with the first word of a sentence that is drawn from the corpus.
    """
    n_positions = run.model.config.n_positions
    numbers = uniform(n * n_positions, seed).reshape(n, n_positions)
    ids = run.vocabulary.encode([one.words[0] for one in corpus.sentences(n, seed=seed)])[:, None]
    while ids.shape[1] < n_positions:
        with torch.no_grad():
            logits = run.model(ids, need_weights=False).logits[:, -1, N_SIGNS:]
        chances = next_token_probabilities(logits.double(), temperature=temperature)
        drawn = [
            N_SIGNS + draw(*one) for one in zip(chances, numbers[:, ids.shape[1]], strict=True)
        ]
        ids = torch.cat([ids, torch.tensor(drawn)[:, None]], 1)
    texts = [run.vocabulary.decode(row).split() for row in ids]
    return [tuple(one[: one.index(END) + 1] if END in one else one) for one in texts]


def _without(words: Iterable[str], place: int) -> str:
    return " ".join("_" if i == place else word for i, word in enumerate(words))


def _answer_from_the_end(family: str) -> int:
    """How many words from the end on the answer stands: the same for all of a family."""
    [place] = {len(one.words) - one.answer for one in corpus.every_sentence(family)}
    return place
