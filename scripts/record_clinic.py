"""Record what the chapter on the clinic and its explorable show: ten patients and healthy runs.

    .venv/bin/python scripts/record_clinic.py              # all of them
    .venv/bin/python scripts/record_clinic.py both-sides 9 # these anew, the others as they are
    .venv/bin/python scripts/record_clinic.py --check      # does each still begin as recorded?

Each run is trained with three seeds; some ten minutes on one core. Run it again when a
breakage, the recipe, the corpus or the loop changes, and commit the file.
"""

import contextlib
import dataclasses
import json
import sys
from collections.abc import Sequence

import numpy as np

from incontext import clinic, corpus
from incontext.training import Recipe, TrainingRun, fit, look, loss_of, sentences_of_step

FIRST_LOOK = clinic.STEPS[1]  # to which a check trains
EVERYONE = (*corpus.READINGS, *map(str, range(1, len(clinic.WARD) + 1)))


def main() -> None:
    if "--check" in sys.argv:
        return check()
    chosen = sys.argv[1:] or EVERYONE
    runs = {}
    if clinic.RECORDED.exists():
        runs = json.loads(clinic.RECORDED.read_text(encoding="utf-8"))["runs"]
    for who in chosen:
        runs[who] = [record(who, seed, clinic.RECIPE) for seed in clinic.SEEDS]
        for one in runs[who]:
            ends = {name: values[-1] for name, values in one["accuracy"].items()}
            print(who, one["seed"], one["training"][-1], ends, one["alone"], flush=True)
    clinic.RECORDED.parent.mkdir(exist_ok=True)
    in_order = {who: runs[who] for who in EVERYONE if who in runs}
    clinic.RECORDED.write_text(as_json(in_order), encoding="utf-8")
    print(f"{clinic.RECORDED}: {clinic.RECORDED.stat().st_size} bytes")


def check(everyone: Sequence[str] = EVERYONE, seeds: Sequence[int] = clinic.SEEDS) -> None:
    """Train each for the first steps and compare: raises ``AssertionError`` where it differs.

    Another machine adds up in another order, so losses may differ a little, and weights by a
    hundredth, in which they are kept.
    """
    recorded = json.loads(clinic.RECORDED.read_text(encoding="utf-8"))
    shape = recorded["shape"]
    for who in everyone:
        for seed in seeds:
            now = record(who, seed, clinic.RECIPE, last=FIRST_LOOK)
            then = recorded["runs"][who][seed]
            name = f"{who}, seed {seed}"
            print(name, now["training"], flush=True)
            assert_close(now["training"], then["training"], f"{name}: loss in training")
            for family, losses in now["loss"].items():
                assert_close(losses, then["loss"][family], f"{name}: held-out loss, {family}")
            if now["maps"] is not None:
                maps = [
                    clinic.unpacked(now["maps"], [1, *shape[1:]]),
                    clinic.unpacked(then["maps"], shape),
                ]
                assert_close(*maps, f"{name}: weights before the first step")


def assert_close(now, then, name: str, within: float = 0.02) -> None:
    """Compare as many numbers as there are now with the first recorded ones."""
    difference = np.abs(np.subtract(now, then[: len(now)])).max()
    assert difference <= within, f"{name}: differs by {difference:.3f}"


def record(who: str, seed: int, recipe: Recipe, last: int | None = None) -> dict:
    """One run, from the look before its first step to its last; for a check, to step ``last``."""
    run = starting(who, seed, recipe)
    held_out = {name: corpus.every_sentence(name, "held_out") for name in corpus.FAMILIES}
    looks = [look(run, held_out)]
    training = [loss_of(run, sentences_of_step(0, run)).item()]
    maps = [clinic.maps(run, sentences()).numpy()]

    def keep(run: TrainingRun) -> None:
        if len(run.losses) in clinic.STEPS:
            training.append(float(np.mean(run.losses[looks[-1].step :])))
            looks.append(look(run, held_out))
        if len(run.losses) in clinic.MAP_STEPS:
            maps.append(clinic.maps(run, sentences()).numpy())
        if len(run.losses) == last:
            raise StopIteration

    with contextlib.suppress(StopIteration):
        fit(run, progress=False, on_step=keep)
    return {
        "reading": run.reading,
        "seed": seed,
        "training": rounded(training),
        "loss": {name: rounded(one.loss[name] for one in looks) for name in held_out},
        "accuracy": {name: rounded(one.accuracy[name] for one in looks) for name in held_out},
        "alone": {
            name: round(clinic.accuracy_alone(run, some), 3) for name, some in held_out.items()
        }
        if last is None
        else None,
        "maps": clinic.packed(np.stack(maps)) if seed == clinic.SEEDS[0] else None,
    }


def starting(who: str, seed: int, recipe: Recipe) -> TrainingRun:
    """A patient, or the healthy run of a reading, before its first step."""
    if who in corpus.READINGS:
        return clinic.healthy(who, seed, recipe)
    return clinic.patient(int(who), seed, recipe)


def sentences() -> list[corpus.Sentence]:
    """The chosen ones, with their answers and cues."""
    every = [s for name in corpus.FAMILIES for s in corpus.every_sentence(name, "held_out")]
    return [next(one for one in every if one.text == text) for text in clinic.SENTENCES]


def rounded(values) -> list[float]:
    return [round(value, 3) for value in values]


def as_json(runs: dict) -> str:
    """A line for each run, so that a change is a line in a diff."""
    longest = max(len(one.words) for one in sentences())
    config = clinic.healthy().model.config
    about = {
        "made by": ".venv/bin/python scripts/record_clinic.py",
        "recipe": dataclasses.asdict(clinic.RECIPE),
        "steps": clinic.STEPS,
        "map_steps": clinic.MAP_STEPS,
        "sentences": [dataclasses.asdict(one) for one in sentences()],
        "shape": [
            len(clinic.MAP_STEPS),
            len(clinic.SENTENCES),
            config.n_layers,
            config.n_heads,
            longest,
            longest,
        ],
    }
    head = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in about.items())
    lines = ",\n".join(
        f"{json.dumps(who)}: [\n" + ",\n".join(map(compact, of_seeds)) + "]"
        for who, of_seeds in runs.items()
    )
    return f'{{\n{head},\n"runs": {{\n{lines}\n}}\n}}\n'


def compact(run: dict) -> str:
    return json.dumps(run, separators=(",", ":"))


if __name__ == "__main__":
    main()
