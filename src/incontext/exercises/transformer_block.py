"""Exercises of the chapter on the transformer block."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from incontext.pretrained import decoder_to_read
from incontext.reading import LedgerRow, ledger

from .checking import FunctionCheck, Mistake, Verdict, in_words, not_yet


def _n_parameters(
    d_model: int,
    d_ff: int,
    *,
    projections: int = 4,
    biases: bool = True,
    up_bias: bool = True,
    down_bias: bool = True,
    linear_maps: int = 2,
    norms: int = 2,
) -> int:
    attention = projections * (d_model**2 + biases * d_model)
    network = linear_maps * d_model * d_ff
    network += biases * (up_bias * d_ff + down_bias * (linear_maps - 1) * d_model)
    return attention + network + norms * 2 * d_model


def _counted(**options: Any) -> Callable:
    return lambda d_model, d_ff: _n_parameters(d_model, d_ff, **options)


check_block_parameters = FunctionCheck(
    "check_block_parameters",
    reference=_n_parameters,
    cases=[lambda: (384, 1536), lambda: (7, 11), lambda: (32, 64)],
    mistakes=[
        Mistake(
            "no biases",
            _counted(biases=False),
            "Each of the six linear maps adds a bias, as long as what it puts out.",
        ),
        Mistake(
            "no biases in the network",
            _counted(up_bias=False, down_bias=False),
            "The two maps of the feed-forward network have biases as well: d_ff on the way up, and"
            " d_model on the way down.",
        ),
        Mistake(
            "the first bias of the network",
            _counted(up_bias=False),
            "d_ff are missing. The map up puts out d_ff numbers, and each of them has a bias.",
        ),
        Mistake(
            "no norms",
            _counted(norms=0),
            "4 · d_model are missing. Are the two layer norms counted? Each has a γ and a β for"
            " every component. (If they are, it is the biases of the four maps of attention.)",
        ),
        Mistake(
            "half of the norms",
            _counted(norms=1),
            "There are two norms in a block, and a layer norm has a γ and a β for each component."
            " You count half of that.",
        ),
        Mistake(
            "three projections",
            _counted(projections=3),
            "Queries, keys and values: three. What joins the heads is the fourth.",
        ),
        Mistake(
            "the network goes up and never down",
            _counted(linear_maps=1),
            "A feed-forward network has two maps: d_model to d_ff, and back.",
        ),
        Mistake(
            "the gate of SwiGLU",
            _counted(linear_maps=3),
            "Three maps are those of SwiGLU. This network has two.",
        ),
    ],
    praise="Right for every width.",
)


def _block(
    x: Tensor,
    attention: Callable[[Tensor], Tensor],
    feed_forward: Callable[[Tensor], Tensor],
    attention_norm: Callable[[Tensor], Tensor],
    feed_forward_norm: Callable[[Tensor], Tensor],
) -> Tensor:
    """Pre-norm."""
    x = x + attention(attention_norm(x))
    return x + feed_forward(feed_forward_norm(x))


def _post(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = attention_norm(x + attention(x))
    return feed_forward_norm(x + feed_forward(x))


def _added_to_normalised(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = attention_norm(x)
    x = x + attention(x)
    x = feed_forward_norm(x)
    return x + feed_forward(x)


def _added_to_normalised_once(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = attention_norm(x)
    x = x + attention(x)
    return x + feed_forward(feed_forward_norm(x))


def _parts(n_tokens: int, width: int, seed: int) -> tuple:
    """Vectors [T, C], and parts that can be told apart: attention mixes, the rest does not."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    x = random(n_tokens, width)
    mix, up, down = random(n_tokens, n_tokens), random(width, 3 * width), random(3 * width, width)
    gain, other = 1 + random(width).abs(), 1 + random(width).abs()

    def norm(gain: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda x: gain * (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True)

    return x, lambda x: mix @ x, lambda x: (x @ up).relu() @ down, norm(gain), norm(other)


check_block = FunctionCheck(
    "check_block",
    reference=_block,
    cases=[lambda: _parts(5, 7, 0), lambda: _parts(3, 11, 1), lambda: _parts(1, 3, 2)],
    mistakes=[
        Mistake(
            "post-norm",
            _post,
            "You normalise the sum, and so the stream itself. Pre-norm normalises only what a part"
            " reads.",
        ),
        Mistake(
            "nothing is added",
            lambda x, a, f, n, m: f(m(a(n(x)))),
            "What a part finds replaces what came in. The residual stream adds it: x + …, twice.",
        ),
        Mistake(
            "attention replaces what came in",
            lambda x, a, f, n, m: a(n(x)) + f(m(a(n(x)))),
            "The result of attention is not added to x, so what came in is lost.",
        ),
        Mistake(
            "the network replaces what came in",
            lambda x, a, f, n, m: f(m(x + a(n(x)))),
            "The result of the feed-forward network takes the place of x. Add it to x.",
        ),
        Mistake(
            "the normalised vectors are added to",
            _added_to_normalised,
            "The normalised vectors take the place of x, and you add to those, so that x as it came"
            " is lost. The stream goes around the norm: x + …(norm(x)).",
        ),
        Mistake(
            "attention's result is added to normalised vectors",
            _added_to_normalised_once,
            "The first norm's result takes the place of x, so that x as it came is lost. The stream"
            " goes around the norm: x + attention(attention_norm(x)).",
        ),
        Mistake(
            "the network reads the old x",
            lambda x, a, f, n, m: x + a(n(x)) + f(m(x)),
            "The network reads what came into the block. It should read the sum with what attention"
            " found.",
        ),
        Mistake(
            "the network's result is added to the old x",
            lambda x, a, f, n, m: x + f(m(x + a(n(x)))),
            "The network reads the right sum, but its result is added to what came into the block,"
            " so that what attention found is lost. Add it to the sum.",
        ),
        Mistake(
            "the norm is behind the part",
            lambda x, a, f, n, m: _block(x, n, m, a, f),
            "You normalise what a part writes. The norm is for what a part reads:"
            " attention(attention_norm(x)).",
        ),
        Mistake(
            "no norms",
            lambda x, a, f, n, m: _block(x, a, f, lambda y: y, lambda y: y),
            "The parts read the stream as it is. Each reads it through its norm.",
        ),
        Mistake(
            "the norms are exchanged",
            lambda x, a, f, n, m: _block(x, a, f, m, n),
            "Attention reads through the network's norm, and the network through attention's.",
        ),
        Mistake(
            "one norm for both",
            lambda x, a, f, n, m: _block(x, a, f, n, n),
            "The network has a norm of its own: the last argument.",
        ),
        Mistake(
            "the network first",
            lambda x, a, f, n, m: _block(x, f, a, m, n),
            "Attention comes first, then the feed-forward network.",
        ),
        Mistake(
            "attention alone",
            lambda x, a, f, n, m: x + a(n(x)),
            "The second half is missing: the feed-forward network.",
        ),
        Mistake(
            "a norm too many",
            lambda x, a, f, n, m: m(_block(x, a, f, n, m)),
            "You normalise what leaves the block. With pre-norm the stream leaves as it is.",
        ),
    ],
    praise="Read through a norm, add to the stream, twice: that is the block.",
)


def _layer_norm(
    x: Tensor,
    gain: Tensor,
    shift: Tensor,
    eps: float,
    *,
    dim: int | tuple[int, ...] = -1,
    correction: int = 0,
    inside: bool = True,
    root: bool = True,
    centred: bool = True,
    scaled: bool = True,
) -> Tensor:
    mean = x.mean(dim, keepdim=True) if centred else 0 * x
    variance = x.var(dim, keepdim=True, correction=correction)
    if not centred:
        variance = x.square().mean(dim, keepdim=True)
    scale = (variance + eps).sqrt() if inside else variance.sqrt() + eps
    if not root:
        scale = variance + eps
    return gain * (x - mean) / (scale if scaled else 1) + shift


def _norm(**options: Any) -> Callable:
    return lambda *arguments: _layer_norm(*arguments, **options)


def _in_two_steps(*, mean: dict[str, Any], variance: dict[str, Any]) -> Callable:
    """As the exercise has it: centred first, with each mean along an axis of its own."""

    def norm(x: Tensor, gain: Tensor, shift: Tensor, eps: float) -> Tensor:
        centred = x - x.mean(**mean)
        return gain * centred / (centred.square().mean(**variance) + eps).sqrt() + shift

    return norm


TOKENS, LOST, KEPT = {"dim": 0}, {"dim": -1}, {"dim": -1, "keepdim": True}


def _vectors(n_tokens: int, width: int, size: float, eps: float) -> tuple:
    generator = torch.Generator().manual_seed(n_tokens)
    x = size * torch.randn(n_tokens, width, generator=generator, dtype=torch.float64) + size
    gain, shift = torch.randn(2, width, generator=generator, dtype=torch.float64)
    return x, gain, shift, eps


check_layer_norm = FunctionCheck(
    "check_layer_norm",
    reference=_layer_norm,
    cases=[
        lambda: _vectors(5, 3, 1.0, 1e-5),
        lambda: _vectors(2, 7, 10.0, 1e-5),
        lambda: _vectors(11, 5, 0.1, 0.01),
        lambda: _vectors(3, 3, 1.0, 1e-5),  # without keepdim no error here, but wrong numbers
    ],
    mistakes=[
        Mistake(
            "over the tokens",
            _norm(dim=0),
            "Each component is brought to a standard size over all tokens, so that every token sees"
            " every other, later ones too. Normalise each token's own components: the last axis.",
        ),
        Mistake(
            "over everything",
            _norm(dim=(0, 1)),
            "One mean and one variance for the whole text: a token's vector depends on all the"
            " others. Use the last axis only.",
        ),
        Mistake(
            "the variance is still over the tokens",
            _in_two_steps(mean=KEPT, variance=TOKENS),
            "The mean is each token's own now, but the variance still mixes all tokens. Both go"
            " along the last axis.",
        ),
        Mistake(
            "the mean is still over the tokens",
            _in_two_steps(mean=TOKENS, variance=KEPT),
            "The variance is each token's own now, but the mean still mixes all tokens. Both go"
            " along the last axis.",
        ),
        Mistake(
            "keepdim is missing",
            _in_two_steps(mean=LOST, variance=LOST),
            "x.mean(-1) has the shape [T], and x has [T, C]: one does not fit the other, or fits"
            " along the wrong axis. With keepdim=True it is [T, 1], one number for each token. The"
            " variance needs it, too.",
        ),
        Mistake(
            "keepdim is missing in the mean",
            _in_two_steps(mean=LOST, variance=KEPT),
            "x.mean(-1) has the shape [T], which does not fit x, [T, C]. With keepdim=True it is"
            " [T, 1], one number for each token.",
        ),
        Mistake(
            "keepdim is missing in the variance",
            _in_two_steps(mean=KEPT, variance=LOST),
            "Your variance has the shape [T], which does not fit x, [T, C]. With keepdim=True it is"
            " [T, 1], one number for each token.",
        ),
        Mistake(
            "the variance of a sample",
            _norm(correction=1),
            "Tensor.var divides by n − 1 unless told otherwise. A layer norm divides by n:"
            " var(…, correction=0).",
        ),
        Mistake(
            "the mean stays",
            _norm(centred=False),
            "You divide by the root mean square, as RMSNorm does. A layer norm takes the mean away"
            " first.",
        ),
        Mistake(
            "no root",
            _norm(root=False),
            "You divide by the variance. Divide by its square root.",
        ),
        Mistake(
            "the ε outside of the root",
            _norm(inside=False),
            "ε is added to the variance, below the root.",
        ),
        Mistake(
            "not divided",
            _norm(scaled=False),
            "The mean is gone, and the size is what it was. Divide by the standard deviation.",
        ),
        Mistake(
            "no γ",
            lambda x, gain, shift, eps: _layer_norm(x, torch.ones_like(gain), shift, eps),
            "The learned gain γ is missing. It multiplies each component at the end.",
        ),
        Mistake(
            "no β",
            lambda x, gain, shift, eps: _layer_norm(x, gain, torch.zeros_like(shift), eps),
            "The learned shift β is missing. It is added at the end.",
        ),
    ],
    praise="Each token by itself, and no token sees another.",
)


def _name(row: LedgerRow) -> str:
    if row.layer is None:
        return row.part
    part = f"head {row.head + 1}" if row.part == "head" else "feed-forward"
    return f"layer {row.layer + 1}, {part}"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


@dataclass(frozen=True)
class DecisionCheck:
    """The ledger of a decision of the reader's, its largest head tried by zero-ablation.

    Row and switch "differ" if what is taken away and the row are apart by more than half of the
    row, and "agree" otherwise.

    reference: gives a prompt and two words that pass. mistakes: such as cannot be read.
    """

    name: str
    most: int = 40  # tokens

    def reference(self) -> tuple[str, str, str]:
        return "My favourite colour is", "blue", "red"

    @property
    def mistakes(self) -> list[Mistake]:
        return [
            Mistake(
                "a word of several tokens",
                lambda: ("Yesterday we saw a", "hippopotamus", "cat"),
                "Each of the two words must be one token of the decoder, with a space before it."
                " Take a more common word.",
            ),
            Mistake(
                "the same word twice",
                lambda: ("My favourite colour is", "blue", "blue"),
                "A decision has two ends: give it two different words.",
            ),
            Mistake(
                "the prompt is too long",
                lambda: ("again" + " again" * 99, "and", "or"),
                f"Give it at most {self.most} tokens, so that it takes seconds.",
            ),
            Mistake(
                "the prompt is empty",
                lambda: ("", "blue", "red"),
                "The decoder needs at least one token to read.",
            ),
            Mistake(
                "the prompt ends with a space",
                lambda: ("My favourite colour is ", "blue", "red"),
                "The decoder's words bring their space with them. End the prompt with its last"
                " word.",
            ),
        ]

    @torch.no_grad()
    def __call__(self, decision: Any) -> Verdict:
        if decision is None or decision is Ellipsis:
            return not_yet(f"give {self.name} a prompt and two words: {self._example()}.")
        texts = isinstance(decision, tuple | list) and all(isinstance(one, str) for one in decision)
        if not texts or len(decision) != 3:
            return Verdict(
                False,
                f"{self.name} takes a prompt and two words, as in {self._example()}. It got"
                f" {in_words(decision)}.",
            )
        prompt, this, that = decision
        several, same, too_long, empty, space = (str(mistake) for mistake in self.mistakes)
        if this.strip() == that.strip():
            return Verdict(False, same)
        if not prompt.strip():
            return Verdict(False, empty)
        if prompt != prompt.rstrip():
            return Verdict(False, space)
        decoder, tokenizer = decoder_to_read()
        ids, *ends = (
            tokenizer.encode(text) for text in (prompt, f" {this.strip()}", f" {that.strip()}")
        )
        if any(len(end) != 1 for end in ends):
            return Verdict(False, several)
        if len(ids) > self.most:
            return Verdict(False, too_long)
        a, b = (int(end[0]) for end in ends)
        found = ledger(decoder, ids, -1, decoder.out_proj.weight[a] - decoder.out_proj.weight[b])
        rows = sorted(found.rows, key=lambda row: -abs(row.value))
        head = next(row for row in rows if row.part == "head")
        mask = torch.ones(decoder.config.n_layers, decoder.config.n_heads)
        mask[head.layer, head.head] = 0
        logits = decoder(ids[None], head_mask=mask, need_weights=False).logits[0, -1]
        change = found.total - float(logits[a] - logits[b])
        differ = abs(change - head.value) > abs(head.value) / 2
        verb, side = ("differ", "more") if differ else ("agree", "less")
        listed = "; ".join(f"{_name(row)} {_signed(row.value)}" for row in rows[:3])
        return Verdict(
            True,
            f"“{this}” minus “{that}”: {_signed(found.total)}. Largest rows: {listed}. Switching"
            f" off {_name(head)}, whose row is {_signed(head.value)}, takes {_signed(change)} away:"
            f" row and switch {verb} (they are apart by {side} than half of the row).",
            "✓",
        )

    def _example(self) -> str:
        return repr(self.reference())


check_own_decision = DecisionCheck("check_own_decision")
