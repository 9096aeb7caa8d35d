"""What moves when a pretrained encoder is trained on a small task, and what is it good for?"""

from incontext import plots
from incontext.fine_tuning import recorded

from .base import Explorable, Numbers
from .controls import integer, select, steps

REGIMES = {
    "nothing": "All of them",
    "embeddings": "All but the embeddings",
    "encoder": "Only the new layer",
    "fresh": "All, from a random table of tokens",
}
STEPS = (0, 2, 5, 10, 20, 30)  # at which the record has a look
SEEDS = (0, 1, 2, 3, 4)
PARTS = ("embeddings", *(f"layer {n}" for n in range(1, 7)))


class FineTuning(Explorable):
    name = "fine-tuning"
    title = "What fine-tuning moves"
    try_first = "Move Training step from 0 to the end, then choose other Trained weights."
    provenance = "learned"
    caption = (
        "MiniLM learns which bank is meant, from 160 sentences of a small grammar, 16 in a step. "
        "The curve: the share right of 72 other sentences, whose telling words it has not seen in "
        "training; pale lines are the other seeds. The bars: how far the weights of each part have "
        "moved since step 0, as the length of the change over the length of the weights. "
        "Recorded by scripts/record_fine_tuning.py with the seeds 0 to 4. Learned "
        "weights: all-MiniLM-L6-v2, trained further."
    )

    regime = select("Trained weights", "nothing", REGIMES)
    seed = integer("Seed", SEEDS[0], minimum=SEEDS[0], maximum=SEEDS[-1])
    step = steps("Training step", STEPS[-1], STEPS)

    def __init__(self, **values):
        self._record = recorded()
        super().__init__(**values)

    def data(self):
        return {
            "steps": list(STEPS),
            "parts": list(PARTS),
            "farthest": self._farthest(),
            "runs": {
                regime: [
                    {
                        "written": [look["written"] for look in run["looks"]],
                        "held_out": run["held_out"],
                        "movement": [look["movement"] for look in run["looks"]],
                        "seconds": run["seconds"],
                    }
                    for run in runs
                ]
                for regime, runs in self._record["runs"].items()
            },
        }

    def _farthest(self) -> float:
        """The largest movement of any part in any run: the end of the scale."""
        runs = (run for of_seeds in self._record["runs"].values() for run in of_seeds)
        return max(share for run in runs for look in run["looks"] for share in look["movement"])

    def _run(self) -> dict:
        return self._record["runs"][self.regime][SEEDS.index(self.seed)]

    def _look(self) -> dict:
        return self._run()["looks"][STEPS.index(self.step)]

    def numbers(self):
        run, look = self._run(), self._look()
        rows = [
            ["now: new sentences right", self.step, look["written"]],
            ["held-out sentences of the grammar right", STEPS[-1], run["held_out"]],
            ["seed", "", self.seed],
            ["seconds of one core", STEPS[-1], run["seconds"]],
        ]
        rows += [
            [f"moved: {part}", self.step, share]
            for part, share in zip(PARTS, look["movement"], strict=True)
        ]
        for seed, other in zip(SEEDS, self._record["runs"][self.regime], strict=True):
            rows += [
                [f"new sentences right, seed {seed}", each["step"], each["written"]]
                for each in other["looks"]
            ]
        return Numbers(["", "training step", "value"], rows)

    def draw(self, figure):
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        for run in self._record["runs"][self.regime]:
            left.plot(STEPS, [one["written"] for one in run["looks"]], color=plots.HAIRLINE, lw=1)
        mine = [look["written"] for look in self._run()["looks"]]
        plots.curve(
            STEPS, mine, None, "Training step", "", left, colors=[plots.CATEGORIES[0]],
            title="Share of new sentences right",
        )  # fmt: skip
        left.axhline(0.5, ls="--", lw=1.2, color=plots.MUTED)
        left.plot(self.step, self._look()["written"], "o", color=plots.CATEGORIES[1], ms=9)
        left.set(ylim=(0, 1.03), yticks=[0, 0.5, 1])
        plots.bars(
            self._look()["movement"], PARTS, right, horizontal=True, digits=3,
            colors=[plots.CATEGORIES[1]] * len(PARTS), limits=(0, 1.4 * self._farthest()),
            title="Moved, as a share of its size",
        )  # fmt: skip

    def alt(self):
        look = self._look()
        moved = ", ".join(
            f"{part} {share:.3f}" for part, share in zip(PARTS, look["movement"], strict=True)
        )
        return (
            f"A curve and bars. Trained: {REGIMES[self.regime].lower()}, seed {self.seed}. At step "
            f"{self.step}, {look['written']:.0%} of the new sentences are right; guessing "
            f"gets half. Moved, as a share of its size: {moved}."
        )
