"""What does a decoder compute again for every token it writes, and what does a cache save?"""

import json
from pathlib import Path

from .. import plots
from .base import Explorable, Numbers
from .controls import integer, select, toggle

# What scripts/record_generation.py records: greedy continuations, and the sizes of the model.
RECORDED = Path(__file__).parent / "data" / "generation.json"
N_NEW = 30
PROMPTS = {
    "autumn": "The best thing about autumn is",
    "sea": "Once upon a time, there was a girl who lived by the",
    "bank": "I sat down by the bank of the river and",
}
BYTES_A_NUMBER = 4  # float32


def multiply_adds(sizes: dict, n_read: int, n_seen: int) -> int:
    """Products of two numbers, added up, when so many tokens are read and each sees `n_seen` keys.

    Matrices (projections, feed-forward networks, the table that scores the next token) and the two
    products of attention; what grows with neither (norms, softmax) is left out.
    """
    d_model, d_k = sizes["d_model"], sizes["d_model"] // sizes["n_heads"]
    projections = 2 * d_model * d_model + 2 * d_model * d_k * sizes["n_kv_heads"]
    matrices = sizes["n_layers"] * (projections + 3 * d_model * sizes["d_ff"])
    matrices += d_model * sizes["vocab_size"]
    attention = sizes["n_layers"] * 2 * d_model * n_seen  # query · key, and weight · value
    return n_read * (matrices + attention)


def bytes_held(sizes: dict, n_tokens: int) -> int:
    """Keys and values of so many tokens, in every layer."""
    d_k = sizes["d_model"] // sizes["n_heads"]
    return n_tokens * 2 * sizes["n_layers"] * sizes["n_kv_heads"] * d_k * BYTES_A_NUMBER


class Generation(Explorable):
    name = "generation"
    title = "What the cache saves"
    try_first = "Move New tokens, then untick Key–value cache: see how many are read again."
    provenance = "learned"
    caption = (
        "A decoder writes token by token. Filled chips are read at this step: their queries, keys "
        "and values are computed in all 30 layers. Dashed chips are not read again: their keys and "
        "values lie in the cache. Multiply–adds are counted from the sizes of the model, as our "
        "code does them, and bytes are those of its cache, in float32. The text was written by "
        "taking the likeliest token, recorded by scripts/record_generation.py. "
        "Learned weights: SmolLM2-135M-Instruct."
    )
    fallback_size = (7.2, 3.2)

    prompt = select("Prompt", "autumn", PROMPTS)
    written = integer("New tokens", 8, minimum=1, maximum=N_NEW)
    cache = toggle("Key–value cache", True)

    def __init__(self, **values):
        self._recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
        super().__init__(**values)

    def data(self):
        return {name: self._recorded[name] for name in ("sizes", "texts")}

    def _step(self, written: int, cache: bool) -> dict:
        """What happens when the token of that number is written."""
        sizes, text = self._recorded["sizes"], self._recorded["texts"][self.prompt]
        seen = text["n_prompt"] + written - 1
        fresh = text["n_prompt"] if written == 1 else 1
        read = fresh if cache else seen
        return {
            "seen": seen,
            "read": read,
            "again": read - fresh,
            "work": multiply_adds(sizes, read, seen),
            "bytes": bytes_held(sizes, seen) if cache else 0,
        }

    def _so_far(self, cache: bool) -> list[int]:
        """Multiply–adds up to each token."""
        total, totals = 0, []
        for written in range(1, N_NEW + 1):
            total += self._step(written, cache)["work"]
            totals.append(total)
        return totals

    def numbers(self):
        both = [self._step(self.written, cache) for cache in (True, False)]
        chosen = both[0 if self.cache else 1]
        names = {
            "seen": "tokens of the text so far",
            "read": "tokens read now",
            "again": "of them read before",
            "work": "multiply–adds now",
            "bytes": "bytes held",
        }
        rows = [[text, chosen[key], *(one[key] for one in both)] for key, text in names.items()]
        so_far = [self._so_far(cache) for cache in (True, False)]
        for i, pair in enumerate(zip(*so_far, strict=True)):
            rows.append(
                [f"multiply–adds up to new token {i + 1}", pair[0 if self.cache else 1], *pair]
            )
        for i in range(N_NEW):
            held = [self._step(i + 1, cache)["bytes"] for cache in (True, False)]
            rows.append([f"bytes at new token {i + 1}", held[0 if self.cache else 1], *held])
        return Numbers(["", "as chosen", "with the cache", "without"], rows)

    def draw(self, figure):
        left, right = figure.subplots(1, 2)
        steps = list(range(1, N_NEW + 1))
        work = [[one / 1e9 for one in self._so_far(cache)] for cache in (True, False)]
        held = [self._step(step, True)["bytes"] / 1e6 for step in steps]
        with_cache, without = plots.CATEGORIES[0], plots.CATEGORIES[1]
        plots.curve(
            steps, work, ["with the cache", "without"], "New tokens", "", left,
            colors=[with_cache, without], title="Billion multiply–adds so far",
        )  # fmt: skip
        plots.curve(
            steps, [held, [0.0] * N_NEW], None, "New tokens", "", right,
            colors=[with_cache, without], title="Megabytes held",
        )  # fmt: skip
        chosen = 0 if self.cache else 1
        colour = plots.CATEGORIES[chosen]
        left.plot(self.written, work[chosen][self.written - 1], "o", color=colour, ms=9)
        now = held[self.written - 1] if self.cache else 0
        right.plot(self.written, now, "o", color=colour, ms=9)

    def alt(self):
        both = [self._so_far(cache)[self.written - 1] / 1e9 for cache in (True, False)]
        one = self._step(self.written, self.cache)
        return (
            f"Two charts against the number of new tokens. Work: after {self.written} of them "
            f"{both[0]:.1f} billion multiply–adds with the cache and {both[1]:.1f} without, a "
            f"curve that bends upwards. Memory: {one['bytes'] / 1e6:.2f} megabytes held. At this "
            f"step {one['read']} of {one['seen']} tokens are read, {one['again']} of them again."
        )
