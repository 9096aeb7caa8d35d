"""What would the decoder say if it stopped after this layer?"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from incontext import plots
from incontext.pretrained import decoder_to_read
from incontext.softmax import softmax
from incontext.transformer import Decoder, DecoderOutput

from .base import Explorable, Numbers, pack
from .controls import integer, select
from .next_token import shown

PROMPTS = {
    "france": "The capital of France is",
    "keys": "The keys to the cabinet",
    "hot": "The opposite of hot is",
    "sum": "Two plus two equals",
}
N_SHOWN = 5  # tokens with a bar
N_LAYERS = 30
MOST_TOKENS = 5


@torch.no_grad()
def stopped_at_each(decoder: Decoder, output: DecoderOutput) -> Float[Tensor, "N T V"]:
    """Probabilities of the next token, as if each layer were the last; 0 is the embeddings.

    The vectors after a layer go through the last norm and the table of tokens at once.
    """
    states = torch.cat(output.hidden_states)  # [L + 1, T, C]
    return softmax(decoder.out_proj(decoder.stack.final_norm(states)))


@dataclass(frozen=True)
class Reading:
    """What the lens sees on one text."""

    tokens: list[str]
    likeliest: list[str]  # of each layer and position the N_SHOWN likeliest, in one row
    shares: np.ndarray  # [L + 1, T, N_SHOWN + 1] theirs, and that of what is likeliest in the end


@cache
@torch.no_grad()
def readings() -> dict[str, Reading]:
    """The real decoder on every prompt."""
    decoder, tokenizer = decoder_to_read()
    found = {}
    for name, text in PROMPTS.items():
        ids = tokenizer.encode(text)
        shares = stopped_at_each(decoder, decoder(ids[None], need_weights=False))  # [L + 1, T, V]
        likeliest = shares.topk(N_SHOWN)
        last = likeliest.indices[-1, :, 0]  # [T]: said in the end
        in_the_end = shares[:, torch.arange(len(ids)), last]  # [L + 1, T]
        found[name] = Reading(
            tokens=[shown(token) for token in tokenizer.tokens(ids)],
            likeliest=[shown(token) for token in tokenizer.tokens(likeliest.indices.flatten())],
            shares=torch.cat([likeliest.values, in_the_end[..., None]], -1).numpy(),
        )
    return found


class LogitLens(Explorable):
    name = "logit-lens"
    title = "If it stopped here"
    try_first = "Move Layer down from 30 and watch when “Paris” gives way to other words."
    provenance = "learned"
    caption = (
        "The logit lens: the vector after a layer is sent through the last norm and the table of "
        "tokens, as if no layer followed. Bars: the five likeliest next tokens after the chosen "
        "layer. Curve: what each layer gives to the token that is likeliest in the end. Early "
        "layers mislead: norm and table were trained for what leaves the last layer only, and an "
        "earlier vector need not be written in that language. Layer 0 is the embeddings; ␣ is the "
        "space with which a token begins. Computed when the book was built. "
        "Learned weights: SmolLM2-135M-Instruct."
    )
    fallback_size = (7.0, 3.0)

    prompt = select("Prompt", "france", PROMPTS)
    layer = integer("Layer", N_LAYERS, minimum=0, maximum=N_LAYERS)
    position = integer("Position", MOST_TOKENS, minimum=1, maximum=MOST_TOKENS)

    def __init__(self, **values):
        self._texts, self._shares, names = {}, {}, {}
        for name, read in readings().items():
            places = [names.setdefault(token, len(names)) for token in read.likeliest]
            packed, shares = pack(read.shares)
            self._shares[name] = shares  # [L + 1, T, N_SHOWN + 1]
            self._texts[name] = {
                "tokens": read.tokens,
                "places": np.reshape(places, (N_LAYERS + 1, len(read.tokens), N_SHOWN)).tolist(),
                "shares": packed,
            }
        self._names = list(names)
        super().__init__(**values)

    def data(self):
        return {"names": self._names, "texts": self._texts}

    def limits(self):
        return {"position": len(self._texts[self.prompt]["tokens"])}

    def _likeliest(self, layer: int) -> tuple[list[str], np.ndarray]:
        """Tokens and their probabilities after a layer, the likeliest first."""
        at = self.position - 1
        places = self._texts[self.prompt]["places"][layer][at]
        return [self._names[i] for i in places], self._shares[self.prompt][layer, at, :-1]

    def _in_the_end(self) -> tuple[str, np.ndarray]:
        """The likeliest token after the last layer, and what each layer gives to it, [L + 1]."""
        return self._likeliest(N_LAYERS)[0][0], self._shares[self.prompt][:, self.position - 1, -1]

    def numbers(self):
        tokens, shares = self._likeliest(self.layer)
        rows = [
            [f"{i} after layer {self.layer}", token, share]
            for i, (token, share) in enumerate(zip(tokens, shares.tolist(), strict=True), start=1)
        ]
        rows.append(["layer", "", self.layer])
        last, curve = self._in_the_end()
        rows += [[f"after layer {n}", last, share] for n, share in enumerate(curve.tolist())]
        rows += [
            [f"likeliest after layer {n}", self._likeliest(n)[0][0], self._likeliest(n)[1][0]]
            for n in range(N_LAYERS + 1)
        ]
        return Numbers(["", "token", "probability"], rows)

    def draw(self, figure):
        left, right = figure.subplots(1, 2)
        tokens, shares = self._likeliest(self.layer)
        plots.bars(
            shares, tokens, left, horizontal=True, limits=(0, 1), title=f"After layer {self.layer}"
        )
        last, curve = self._in_the_end()
        plots.curve(
            range(N_LAYERS + 1), curve, None, "Layer", "", right,
            colors=[plots.CATEGORIES[0]], title=f"Probability of “{last}”",
        )  # fmt: skip
        right.plot(self.layer, curve[self.layer], "o", color=plots.CATEGORIES[1], ms=8)
        right.set_ylim(0, 1.03)

    def alt(self):
        tokens, shares = self._likeliest(self.layer)
        last, curve = self._in_the_end()
        listed = ", ".join(
            f"“{token}” {share:.2f}" for token, share in zip(tokens, shares, strict=True)
        )
        return (
            f"Bars and a curve. After layer {self.layer} of {N_LAYERS} the likeliest tokens are "
            f"{listed}. “{last}”, the likeliest in the end, has {curve[self.layer]:.2f} "
            f"there and {curve[-1]:.2f} after the last layer."
        )
