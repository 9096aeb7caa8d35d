"""Our small transformer against torch.nn.TransformerEncoder of the same size, in the same loop.

    .venv/bin/python benchmarks/training.py [seeds, 5 where not given] [seconds for a line]

Both start from the same weights, and are first shown to give the same logits and the same gradient.
Then: steps per second (a whole step of `training.fit`: sentences, forward, backward, AdamW), in
turns, one thread, processor time; and steps until every family has 0.95 of its held-out sentences
right, looked at every 50 steps, the median over seeds with the least and the most.
"""

import statistics
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace

import torch
from timing import side_by_side, table
from torch import Tensor, nn
from torch.testing import assert_close

from incontext import training
from incontext.attention import causal_mask
from incontext.block import TransformerBlock
from incontext.corpus import READINGS
from incontext.training import Recipe, TrainingRun, default_config


class Peer(nn.Module):
    """PyTorch's own stack of layers between our tables, with the same starting weights."""

    def __init__(self, run: TrainingRun) -> None:
        super().__init__()
        config = run.model.config
        self.causal = run.reading == "left-to-right"
        layer = nn.TransformerEncoderLayer(
            config.d_model, config.n_heads, config.d_ff, dropout=0.0, activation="relu",
            layer_norm_eps=config.eps, batch_first=True, norm_first=True,
        )  # fmt: skip
        norm = nn.LayerNorm(config.d_model, config.eps)
        self.layers = nn.TransformerEncoder(layer, config.n_layers, norm, False)
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding = nn.Embedding(config.n_positions, config.d_model)
        stack = run.model.stack
        with torch.no_grad():
            self.token_embedding.weight.copy_(stack.token_embedding.weight)
            self.position_embedding.weight.copy_(stack.position_embedding.weight)
        for theirs, ours in zip(self.layers.layers, stack.blocks, strict=True):
            theirs.load_state_dict(weights_of(ours))
        norm.load_state_dict(stack.final_norm.state_dict())

    def forward(self, ids: Tensor, is_word: Tensor, need_weights: bool = False) -> SimpleNamespace:
        x = self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]
        mask = ~causal_mask(ids.shape[1]) if self.causal else None  # there True = may not attend
        x = self.layers(x, mask, src_key_padding_mask=~is_word, is_causal=self.causal)
        return SimpleNamespace(logits=x @ self.token_embedding.weight.T)


def weights_of(block: TransformerBlock) -> dict[str, Tensor]:
    """Of one of our blocks, under PyTorch's names."""
    attention = block.attention
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    parts = {
        "self_attn.out_proj": attention.out_proj,
        "linear1": block.feed_forward.up,
        "linear2": block.feed_forward.down,
        "norm1": block.attention_norm,
        "norm2": block.feed_forward_norm,
    }
    found = {
        f"{name}.{key}": t for name, part in parts.items() for key, t in part.state_dict().items()
    }
    return found | {
        "self_attn.in_proj_weight": torch.cat([p.weight for p in projections]),
        "self_attn.in_proj_bias": torch.cat([p.bias for p in projections]),
    }


def twins(reading: str, seed: int, recipe: Recipe) -> tuple[TrainingRun, TrainingRun]:
    """Our run and the peer's, both before their first step."""
    ours, theirs = (
        training.new_run(default_config(), reading=reading, seed=seed, recipe=recipe)
        for _ in range(2)
    )
    theirs.model = Peer(theirs)
    return ours, theirs


def show_that_they_agree(ours: TrainingRun, theirs: TrainingRun) -> None:
    sentences = training.sentences_of_step(0, ours)
    assert_close(ours.logits_at_answers(sentences), theirs.logits_at_answers(sentences))
    gradients = []
    for run, stack in ((ours, ours.model.stack), (theirs, theirs.model)):
        training.loss_of(run, sentences).backward()
        gradients.append(stack.position_embedding.weight.grad.clone())
        run.model.zero_grad()
    assert_close(*gradients)


def stepping(run: TrainingRun) -> Callable[[], None]:
    """One step of the loop, each time it is called."""
    optimizer = torch.optim.AdamW(run.model.parameters(), run.recipe.learning_rate)

    def step() -> None:
        loss = training.loss_of(run, training.sentences_of_step(len(run.losses), run))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.losses.append(loss.item())

    return step


def steps_to_learn(run: TrainingRun) -> int | None:
    training.fit(run, progress=False)
    learned = min(run.looks[-1].accuracy.values()) >= 0.95
    return len(run.losses) if learned else None


def spread(steps: list[int | None]) -> str:
    there = [n for n in steps if n is not None]
    if not there:
        return f"never, in {len(steps)} seeds"
    never = f", never in {len(steps) - len(there)}" if len(there) < len(steps) else ""
    return f"{statistics.median(there):g} ({min(there)} to {max(there)}){never}"


def main() -> None:
    n_seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    torch.set_num_threads(1)
    lines = []
    for reading in READINGS:
        ours, theirs = twins(reading, 0, Recipe())
        show_that_they_agree(ours, theirs)
        one, other, ratio = side_by_side(
            stepping(ours), stepping(theirs), seconds, time.process_time
        )
        lines.append(
            [
                "steps a second",
                reading,
                f"{1e3 / one:.0f}",
                f"{1e3 / other:.0f}",
                f"{1 / ratio:.2f}",
            ]
        )
    recipe = Recipe(stop_at=0.95, validate_every=50)
    for reading in READINGS:
        pairs = [
            tuple(map(steps_to_learn, twins(reading, seed, recipe))) for seed in range(n_seeds)
        ]
        ratios = [a / b for a, b in pairs if a and b]
        ratio = f"{statistics.median(ratios):.2f}" if ratios else ""
        ours, theirs = (spread([pair[i] for pair in pairs]) for i in (0, 1))
        lines.append(["steps to 0.95", reading, ours, theirs, ratio])
    print(table(["", "reading", "ours", "torch.nn.TransformerEncoder", "ratio"], lines))


if __name__ == "__main__":
    main()
