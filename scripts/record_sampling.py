"""Train the small model that writes in the page (explorable sampling), and record it.

    .venv/bin/python scripts/record_sampling.py

About a minute on one core, and as long for each seed of `--measure 1 2`, which records nothing. The
corpus's four families, left to right, with the loss on every word. The weights are then rounded to
16 bits each, as the page carries them: the file, the package and the page have the same model.
"""

import argparse
import dataclasses
import json
import tempfile
from collections import Counter
from pathlib import Path

import safetensors
import safetensors.torch

from incontext import corpus, training
from incontext.explorables.sampling import RECORDED, Grammar, packed, write

COMMAND = "python scripts/record_sampling.py"
SEED = 0
CONFIG = dataclasses.replace(training.default_config(), n_positions=24)
RECIPE = training.Recipe(
    n_steps=4000, loss="every word", learning_rate=0.005, validate_every=500, stop_at=None
)


def trained(seed: int) -> training.TrainingRun:
    """A run, its weights rounded to what 16 bits can say."""
    run = training.fit(training.new_run(CONFIG, seed=seed, recipe=RECIPE))
    _, rounded = packed(run.model)
    run.model.load_state_dict(rounded.state_dict())
    return run


def shares(run: training.TrainingRun, temperature: float, n: int = 200) -> dict[str, float]:
    """Of so many texts, the share of each verdict."""
    grammar = Grammar()
    counts = Counter(grammar.verdict(one)[0] for one in write(run, n, temperature=temperature))
    return {verdict: count / n for verdict, count in counts.most_common()}


def record(run: training.TrainingRun, path: Path) -> None:
    """Write the run, with the command that made it."""
    with tempfile.TemporaryDirectory() as folder:
        training.save(run, file := Path(folder) / "run.safetensors")
        tensors = safetensors.torch.load_file(file)
        with safetensors.safe_open(file, "pt") as opened:
            about = json.loads(opened.metadata()["incontext"])
    metadata = {"incontext": json.dumps({**about, "command": COMMAND})}
    safetensors.torch.save_file(tensors, path, metadata)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--measure", type=int, nargs="+", metavar="SEED")
    seeds = arguments.parse_args().measure
    for seed in seeds or [SEED]:
        run = trained(seed)
        for temperature in (0.5, 1.0, 2.0):
            print(f"seed {seed}, T = {temperature}: {shares(run, temperature)}")
        for split in ("train", "held_out"):
            right = {f: run.accuracy(corpus.every_sentence(f, split)) for f in corpus.FAMILIES}
            print(f"seed {seed}, answers preferred, {split}: {right}", flush=True)
    if not seeds:
        record(run, RECORDED)
        print(f"{RECORDED}: {RECORDED.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
