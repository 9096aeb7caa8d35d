"""What does a real decoder expect next? Cut the list, draw from it, and see where it leads."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from traitlets import TraitError, Unicode, validate

from incontext import plots
from incontext.generation import generate
from incontext.pretrained import decoder_to_read
from incontext.softmax import entropy, softmax
from incontext.tokenization import Tokenizer
from incontext.transformer import Decoder

from .base import Explorable, Numbers
from .controls import integer, slider, steps

PROMPTS = (
    "The capital of France is",
    "The keys to the cabinet",
    "The key to the cabinets",
    "The chicken didn't cross the road because it",
    "The opposite of hot is",
    "Monday, Tuesday, Wednesday,",
    "Roses are red, violets are",
    "To be or not to be, that is the",
    "Attention is all you",
    "import numpy as",
    "I sat down by the bank of the",
    "The doctor told the nurse that",
    "Once upon a time, there was a",
    "I love",
)

# What scripts/record_continuations.py records for each prompt, with nothing cut.
RECORDED = Path(__file__).parent / "data" / "continuations.json"
RECORDED_AT = (0.2, 0.5, 1.0, 1.5, 2.0)  # temperatures
SEEDS = (1, 2, 3)
N_NEW = 25

N_SHOWN = 10  # tokens with a bar of their own
N_LISTED = 500  # tokens that the page knows by name
N_BINS = 200  # of the histogram of the others
STEP = 1e-4  # logits travel in whole steps
MOST_DRAWS = 1000

TOP_K = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, "all")


@dataclass(frozen=True)
class Ranking:
    """One prompt's logits as the page carries them, in groups from the likeliest to the least.

    The listed tokens are groups of one. The others are a histogram: groups of known size whose
    tokens count as equal. A group's logit is such that the sum of its exponentials is right.
    """

    ids: list[int]  # of the listed tokens
    codes: np.ndarray  # [G] logit of each group, in whole steps
    counts: np.ndarray  # [G] tokens in each group

    @classmethod
    def of(cls, logits: Tensor) -> "Ranking":
        """Of the logits ``[V]`` of a next token."""
        ranked, ids = logits.double().sort(descending=True, stable=True)
        counts = group_sizes(len(logits))
        levels = [
            (group.logsumexp(0) - math.log(len(group))).item() for group in ranked.split(counts)
        ]
        codes = np.rint(np.array(levels) / STEP).astype(int)
        return cls(ids[:N_LISTED].tolist(), codes, np.array(counts))

    def cut(self, temperature: float, top_k: int | str, top_p: float) -> "Cut":
        """Temperature, top-k and top-p, as ``next_token_probabilities`` has them."""
        together = self.codes * STEP + temperature * np.log(self.counts)
        before = softmax(torch.from_numpy(together), temperature).numpy()
        share = before.copy()
        if top_k != "all":
            share[top_k:] = 0.0
            share = share / share.sum()
        kept = np.where(share > 0, self.counts, 0.0)
        if top_p < 1:
            likelier = np.concatenate([[0.0], np.cumsum(share)[:-1]])
            each = np.where(share > 0, share, 1.0) / self.counts
            kept = np.clip(np.ceil((top_p - likelier) / each), 0, kept)
        after = share * kept / self.counts
        return Cut(before, after / after.sum(), self.counts, kept)


@dataclass(frozen=True)
class Cut:
    """The probabilities of groups of tokens, before and after the cut, and the tokens kept."""

    before: np.ndarray  # [G] temperature alone
    after: np.ndarray  # [G] of the kept
    counts: np.ndarray  # [G] tokens in each group
    kept: np.ndarray  # [G] of them kept

    def entropies(self) -> tuple[float, float]:
        """In nats, before and after: within a group all are equal."""
        return _entropy(self.before, self.counts), _entropy(self.after, self.kept)

    def draw(self, n: int, seed: int) -> np.ndarray:
        """The groups of n drawn tokens."""
        groups = np.searchsorted(np.cumsum(self.after), uniform(n, seed), side="right")
        return np.minimum(groups, np.flatnonzero(self.kept)[-1])


class NextToken(Explorable):
    """`NextToken(["Your own prompt"])` looks at prompts of your own."""

    name = "next-token"
    title = "What comes next?"
    try_first = "Turn Temperature to 2 and see how much the unlikely tokens gain together."
    provenance = "learned"
    caption = (
        "The tokens that are likeliest to follow a prompt: cut the list, and draw from what is "
        "left. The sign ␣ is the space that a token begins with, and a pale bar is what a token "
        "had before the cut. Draws are made as you ask for them; the continuations were written "
        "by the same model and recorded. This page knows the 500 likeliest of 49,152 tokens by "
        "name, and the others as a histogram. "
        "Learned weights: SmolLM2-135M-Instruct."
    )
    fallback_size = (7.2, 4.0)

    prompt = Unicode().tag(sync=True, control={"kind": "select", "label": "Prompt", "options": []})
    temperature = slider("Temperature", 1.0, minimum=0.1, maximum=2.0, symbol="T", scale="log")
    top_k = steps("Top-k", "all", TOP_K, symbol="k")
    top_p = slider("Top-p", 1.0, minimum=0.05, maximum=1.0, step=0.01, symbol="p")
    seed = integer("Seed", SEEDS[0], minimum=SEEDS[0], maximum=SEEDS[-1])
    draws = integer("Draws", 0, minimum=0, maximum=MOST_DRAWS)

    def __init__(
        self,
        prompts: Sequence[str] = PROMPTS,
        model: tuple[Decoder, Tokenizer] | None = None,
        **values,
    ):
        """model: what ``load_decoder`` returned, where you have it already."""
        if isinstance(prompts, str) or not prompts or len(set(prompts)) < len(prompts):
            raise ValueError(f"prompts must be a list of different texts, got {prompts!r}")
        self._model = model
        decoder, tokenizer = model or decoder_to_read()
        recorded = json.loads(RECORDED.read_text(encoding="utf-8"))["continuations"]
        self._rankings, self._continuations = {}, {}
        for prompt in prompts:
            self._rankings[prompt] = Ranking.of(next_logits(decoder, tokenizer, prompt))
            self._continuations[prompt] = [
                [tokenizer.decode(ids) for ids in of_seeds] for of_seeds in recorded.get(prompt, [])
            ]
        listed = [number for ranking in self._rankings.values() for number in ranking.ids]
        self._shown = {number: shown(tokenizer.token_of(number)) for number in listed}
        self._n_tokens = decoder.config.vocab_size
        super().__init__(**{"prompt": prompts[0], **values})
        others = [name for name in self.control_names() if name != "draws"]
        self.observe(self._start_over, names=others)

    @classmethod
    def arguments(cls, spec):
        [prompts] = [one["options"] for one in spec["controls"] if one["trait"] == "prompt"]
        return {"prompts": [option["value"] for option in prompts]}

    def write(self, n_new: int = N_NEW, generator: torch.Generator | None = None) -> str:
        """Continues the prompt with the present temperature, top-k and top-p, drawn anew."""
        self._model = self._model or decoder_to_read()
        decoder, tokenizer = self._model
        ids = generate(
            decoder,
            tokenizer.encode(self.prompt),
            n_new,
            temperature=self.temperature,
            top_k=None if self.top_k == "all" else self.top_k,
            top_p=self.top_p,
            generator=generator,
        )
        return tokenizer.decode(ids)

    def _start_over(self, change):
        self.draws = 0

    @validate("prompt")
    def _known_prompt(self, proposal):
        if proposal.value not in self._rankings:
            raise TraitError(
                f"prompt={proposal.value!r} must be one of {list(self._rankings)}; "
                "NextToken([…]) takes others"
            )
        return proposal.value

    def control_spec(self, name):
        spec = super().control_spec(name)
        if name == "prompt":
            spec["options"] = [{"value": each, "text": f"{each} …"} for each in self._rankings]
        return spec

    def data(self):
        place = {number: i for i, number in enumerate(self._shown)}
        return {
            "tokens": list(self._shown.values()),
            "step": STEP,
            "counts": group_sizes(self._n_tokens)[N_LISTED:],
            "recorded_at": list(RECORDED_AT),
            "prompts": {
                prompt: {
                    "listed": [place[number] for number in ranking.ids],
                    "first": int(ranking.codes[0]),
                    "drops": (-np.diff(ranking.codes)).tolist(),
                    "continuations": self._continuations[prompt],
                }
                for prompt, ranking in self._rankings.items()
            },
        }

    def _cut(self) -> tuple[list[str], np.ndarray, Cut]:
        """The listed tokens, the logits of the groups, and the present cut."""
        ranking = self._rankings[self.prompt]
        tokens = [self._shown[number] for number in ranking.ids]
        return tokens, ranking.codes * STEP, ranking.cut(self.temperature, self.top_k, self.top_p)

    def numbers(self):
        tokens, logits, cut = self._cut()
        drawn = cut.draw(self.draws, self.seed)
        counts = np.bincount(drawn, minlength=len(logits))
        n_others = int(cut.counts[N_SHOWN:].sum())
        rows = [
            [token, float(logit), float(before), float(after), int(count)]
            for token, logit, before, after, count in zip(
                tokens[:N_SHOWN], logits, cut.before, cut.after, counts, strict=False
            )
        ]
        n_kept, entropies = int(cut.kept.sum()), cut.entropies()
        rows += [
            [
                f"{n_others:,} others",
                "",
                *(float(part[N_SHOWN:].sum()) for part in (cut.before, cut.after)),
                int(counts[N_SHOWN:].sum()),
            ],
            ["tokens kept", "", self._n_tokens, n_kept, ""],
            ["entropy (nats)", "", *entropies, ""],
            ["equal tokens with this entropy", "", *map(math.exp, entropies), ""],
            ["largest possible entropy: ln n", "", math.log(self._n_tokens), math.log(n_kept), ""],
            ["top-k", "", "", self.top_k, ""],
            ["top-p", "", "", self.top_p, ""],
            ["seed", "", "", self.seed, ""],
            ["last draw", "", "", self._named(tokens, drawn), ""],
            ["continuation recorded at T", "", "", self._recorded_at(), ""],
        ]
        return Numbers(["", "logit", "before the cut", "probability", "drawn"], rows)

    def _named(self, tokens: list[str], drawn: np.ndarray) -> str:
        if not len(drawn):
            return "none yet"
        if drawn[-1] < len(tokens):
            return tokens[drawn[-1]]
        return f"one of {self._n_tokens - len(tokens):,} others"

    def _recorded_at(self) -> float:
        """The recorded temperature whose ratio to the present one is nearest to 1."""
        return min(RECORDED_AT, key=lambda each: abs(math.log(each / self.temperature)))

    def draw(self, figure):
        tokens, _, cut = self._cut()
        figure.suptitle(f"“{self.prompt} …”", x=0.01, ha="left")
        left, right = figure.subplots(1, 2, width_ratios=[3, 1.6])
        others = cut.after[N_SHOWN:].sum()
        n_shown = len(tokens[:N_SHOWN])
        plots.bars(
            [*cut.after[:n_shown], others],
            [*tokens[:n_shown], f"{self._n_tokens - n_shown:,} others"],
            left,
            horizontal=True,
            colors=[plots.CATEGORIES[0]] * n_shown + [plots.MUTED],
            limits=(0, 1),
            digits=3,
            title=f"Probability at T = {self.temperature:g}",
        )
        plots.bars(
            [cut.entropies()[1], math.log(cut.kept.sum()), math.log(self._n_tokens)],
            ["H", "ln kept", "ln all"],
            right,
            horizontal=True,
            colors=[plots.INK, plots.MUTED, plots.MUTED],
            title="Entropy and its limits (nats)",
        )

    def alt(self):
        tokens, _, cut = self._cut()
        listed = ", ".join(
            f"{token} {probability:.3f}"
            for token, probability in zip(tokens[:5], cut.after, strict=False)
        )
        return (
            f"Bars of the likeliest tokens after “{self.prompt}” at temperature "
            f"{self.temperature:g}: {listed}. The cut keeps {int(cut.kept.sum()):,} of "
            f"{self._n_tokens:,} tokens; the entropy is {cut.entropies()[1]:.2f} nats, of at most "
            f"{math.log(cut.kept.sum()):.2f}. After {self.draws} draws."
        )


@torch.no_grad()
def next_logits(decoder: Decoder, tokenizer: Tokenizer, prompt: str) -> Tensor:
    """The logits ``[V]`` of the token after a prompt."""
    ids = tokenizer.encode(prompt)
    if not len(ids):
        raise ValueError("prompts must each have at least one token, got ''")
    return decoder(ids[None], need_weights=False).logits[0, -1]


def continuation(
    decoder: Decoder, tokenizer: Tokenizer, prompt: str, temperature: float, seed: int
) -> list[int]:
    """The ids of a recorded continuation, without the prompt's."""
    ids = tokenizer.encode(prompt)
    generator = torch.Generator().manual_seed(seed)
    written = generate(decoder, ids, N_NEW, temperature=temperature, generator=generator)
    return written[len(ids) :].tolist()


def group_sizes(n_tokens: int) -> list[int]:
    """How many tokens each group holds: 1 for the listed, then more and more, in equal ratios."""
    if n_tokens <= N_LISTED:
        return [1] * n_tokens
    ends = np.geomspace(N_LISTED, n_tokens, N_BINS + 1).round().astype(int)
    return [1] * N_LISTED + np.diff(np.unique(ends)).tolist()


def shown(token: str) -> str:
    """A token as a reader sees it: ␣ for a space, ↵ for a line break, ⇥ for a tab."""
    return token.translate(str.maketrans({" ": "␣", "\n": "↵", "\r": "↵", "\t": "⇥"}))


def uniform(n: int, seed: int) -> np.ndarray:
    """n numbers between 0 and 1, the same in Python and JavaScript.

    Park and Miller (1988), "Random number generators: good ones are hard to find": x becomes
    48271 · x mod 2³¹ − 1.
    """
    modulus, state, numbers = 2**31 - 1, 987_654_321 * seed, []
    for _ in range(n):
        state = 48_271 * state % modulus
        numbers.append(state / modulus)
    return np.array(numbers)


def _entropy(groups: np.ndarray, sizes: np.ndarray) -> float:
    """Of groups whose tokens are equal: H of the groups and log of the size within each."""
    within = groups * np.log(np.maximum(sizes, 1.0))
    return entropy(torch.from_numpy(groups)).item() + float(within.sum())
