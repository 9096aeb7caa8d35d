"""Record the runs that the chapter `training` reads: models, and what is measured while they learn.

    .venv/bin/python scripts/record_training.py            # what is missing, then the files
    .venv/bin/python scripts/record_training.py parts      # one group, or "parts/no-residual/3"
    .venv/bin/python scripts/record_training.py --check    # do the runs still begin and end so?

About 20 minutes on one core. Each run's record is kept in _build/record as soon as it is there, so
an interruption costs one run at most; delete that folder when the model, the corpus or the loop
changes. What is written to src/incontext/recorded:

    <reading>-<seed>.safetensors    ten models, read with incontext.training.load
    heads-<H>.safetensors           three more, seed 0, with 1, 2 and 8 heads
    training-<group>.json           what was measured, over steps and seeds

The groups: ``runs`` (two readings), ``heads`` (1, 2, 8), ``parts`` (one taken away), ``few``
(models that see 24 sentences of each family and no others), ``before`` (the answer before its cue).

Axes: ``F`` families, ``L`` layers, ``H`` heads.
"""

import contextlib
import dataclasses
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from incontext import corpus, training
from incontext.corpus import FAMILIES, READINGS, Sentence
from incontext.training import RECORDED, Recipe, TrainingRun, default_config

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "_build" / "record"
COMMAND = ".venv/bin/python scripts/record_training.py"

SEEDS = range(5)
STEPS = (*range(0, 601, 25), 800, 1000, 1200, 1600, 2000)  # after which a model is looked at
HEADS = (1, 2, 4, 8)
N_FEW = 24  # sentences of each family
FIRST_LOOKS = {"runs": 25, "heads": 25, "parts": 100, "few": 100, "before": 20}  # up to which step
PARTS = {  # reading, changes of the configuration, families
    "left to right, no positions": ("left-to-right", {"positions": None}, FAMILIES),
    "left to right, no positions, two families": (
        "left-to-right", {"positions": None}, ("it", "who")
    ),
    "both sides, no positions": ("both-sides", {"positions": None}, FAMILIES),
    "left to right, no √d_k": ("left-to-right", {"scaled": False}, FAMILIES),
    "left to right, no residual": ("left-to-right", {"residual": False}, FAMILIES),
    "left to right, one layer": ("left-to-right", {"n_layers": 1}, FAMILIES),
}  # fmt: skip


# What is measured


def samples() -> dict[str, dict[str, list[Sentence]]]:
    """By split and family: all held-out, longer and cue-after sentences, and 60 trained ones."""
    found = {
        split: {f: corpus.every_sentence(f, split) for f in FAMILIES}
        for split in ("held_out", "longer", "cue_after")
    }
    found["train"] = {f: random.Random(0).sample(corpus.every_sentence(f), 60) for f in FAMILIES}
    return found


@torch.no_grad()
def by_head(run: TrainingRun, sentences: list[Sentence]) -> dict[str, list]:
    """For each head [L, H]: where it looks from the answer's place, what happens without it.

    to_cue, to_mention: its mean weight on the cue, and on the word before that is the answer (None
        where there is none). any_to_cue: the largest weight that any other word gives to the cue.
    off, cut, blind: by how much the loss at the answer grows, in nats, with the head's output set
        to 0; with its weight from the answer's place to the cue taken away; with every weight that
        it gives to the cue taken away (the other weights of a row make up the whole).
    accuracy_off: the share that is still right with the head's output set to 0.
    """
    config = run.model.config
    every = [(layer, head) for layer in range(config.n_layers) for head in range(config.n_heads)]
    ids, is_word, at = training.batch_of(sentences, run.vocabulary, run.reading)
    rows = torch.arange(len(ids))
    cue = torch.tensor([one.cue for one in sentences])
    maps = torch.stack(run.model(ids, is_word).attentions)  # [L, B, H, T, S]
    from_answer = maps[:, rows, :, at]  # [B, L, H, S]
    found = {"to_cue": from_answer[rows, :, :, cue].mean(0)}
    to_cue = maps[:, rows, :, :, cue]  # [B, L, H, T]
    to_cue[rows, :, :, cue] = 0  # what the cue gives to itself
    found["any_to_cue"] = to_cue.amax(-1).mean(0)
    if all(one.words[one.answer] in one.words[: one.cue] for one in sentences):
        mention = torch.tensor([one.words.index(one.words[one.answer]) for one in sentences])
        found["to_mention"] = from_answer[rows, :, :, mention].mean(0)

    before = run.answer_loss(sentences)
    for name in ("off", "cut", "blind", "accuracy_off"):
        found[name] = torch.zeros(config.n_layers, config.n_heads)
    for layer, head in every:
        with WithoutHead(run, layer, head):
            found["off"][layer, head] = run.answer_loss(sentences) - before
            found["accuracy_off"][layer, head] = run.accuracy(sentences)
        with WithoutSight(run, layer, head, cue, at):
            found["cut"][layer, head] = run.answer_loss(sentences) - before
        with WithoutSight(run, layer, head, cue):
            found["blind"][layer, head] = run.answer_loss(sentences) - before
    return {name: rounded(each) for name, each in found.items()}


class WithoutHead:
    """For a while, one head of a run's model writes nothing."""

    def __init__(self, run: TrainingRun, layer: int, head: int) -> None:
        self.attention, self.head = run.model.stack.blocks[layer].attention, head

    def replacement(self, query, key, value, **options):
        output, weights = self.before(query, key, value, **options)
        on = torch.ones(output.shape[-3])
        on[self.head] = 0
        return output * on[:, None, None], weights

    def __enter__(self):
        self.before, self.attention.attend = self.attention.attend, self.replacement

    def __exit__(self, *_):
        self.attention.attend = self.before


class WithoutSight(WithoutHead):
    """For a while, one head may not look at the cue: from one place, or from any but its own."""

    def __init__(
        self, run: TrainingRun, layer: int, head: int, cue: Tensor, at: Tensor | None = None
    ) -> None:
        super().__init__(run, layer, head)
        self.cue, self.at = cue, at

    def replacement(self, query, key, value, mask=None, **options):
        n_queries, n_keys = query.shape[-2], key.shape[-2]
        allowed = mask.expand(*query.shape[:-2], n_queries, n_keys).clone()
        rows = torch.arange(len(allowed))
        if self.at is not None:
            allowed[rows, self.head, self.at, self.cue] = False
        else:
            allowed[rows, self.head, :, self.cue] = False
            allowed[rows, self.head, self.cue, self.cue] = True
        return self.before(query, key, value, mask=allowed, **options)


@torch.no_grad()
def of_bank(run: TrainingRun) -> dict[str, list[float]]:
    """Mean cosine between two *bank*s by layer, embeddings first: [L + 1] each.

    same: of one sense, other cargo and person. other: of two senses, other person. person: of two
        senses, the same person. nearest: how many of the 48 have a *bank* of their own sense as
        their nearest among those with another cargo and another person.
    """
    sentences = [
        one for one in bank_sentences() if one.words[-3] == "the" and one.words[-4] == "met"
    ]
    ids, is_word, _ = training.batch_of(sentences, run.vocabulary, run.reading)
    at = sentences[0].words.index("bank")
    cargo = [one.words[3] for one in sentences]
    person = [one.words[0] for one in sentences]
    river = torch.tensor([one in corpus.RIVER for one in cargo])
    same_sense = river[:, None] == river[None, :]
    same_cargo = torch.tensor([[a == b for b in cargo] for a in cargo])
    same_person = torch.tensor([[a == b for b in person] for a in person])
    found = {"same": [], "other": [], "person": [], "nearest": []}
    for states in run.model(ids, is_word).hidden_states:
        banks = torch.nn.functional.normalize(states[:, at], dim=-1)
        cosines = banks @ banks.T
        found["same"].append(cosines[same_sense & ~same_cargo & ~same_person].mean())
        found["other"].append(cosines[~same_sense & ~same_person].mean())
        found["person"].append(cosines[~same_sense & same_person].mean())
        nearest = cosines.masked_fill(same_cargo | same_person, -2).argmax(-1)
        found["nearest"].append((river[nearest] == river).float().mean())
    return {name: rounded(torch.stack(each)) for name, each in found.items()}


def bank_sentences() -> list[Sentence]:
    """The shortest sentences about the bank, trained and held out: all of one length."""
    both = corpus.every_sentence("bank") + corpus.every_sentence("bank", "held_out")
    shortest = min(len(one.words) for one in both)
    return sorted((one for one in both if len(one.words) == shortest), key=lambda one: one.words)


# Runs, whole, or, for a check, up to step ``last``


def full_run(reading: str, seed: int, heads: int = 4, last: int | None = None) -> dict:
    """A run of the chapter's model, looked at every so many steps."""
    config = dataclasses.replace(default_config(), n_heads=heads)
    run = training.new_run(config, reading=reading, seed=seed, recipe=Recipe(stop_at=None))
    some = samples()
    record = {"seed": seed, "steps": [], "held_out": looks(), "train": looks()}
    if heads == 4:
        record |= {"heads": {family: [] for family in FAMILIES}, "bank": []}

    def look(run: TrainingRun) -> None:
        if len(run.losses) not in STEPS:
            return
        record["steps"].append(len(run.losses))
        for split in ("held_out", "train"):
            add_look(record[split], run, some[split])
        if heads == 4:
            record["bank"].append(of_bank(run))
            for family in FAMILIES:
                record["heads"][family].append(by_head(run, some["held_out"][family]))

    look(run)
    fit_until(last, run, look)
    if last is not None:
        return record
    splits = ("longer", "cue_after") if reading == "both-sides" else ("longer",)
    for split in splits:
        record[split] = add_look(looks(), run, some[split])
    if heads == 4 or seed == 0:
        name = f"{reading}-{seed}" if heads == 4 else f"heads-{heads}"
        training.save(run, KEPT / f"{name}.safetensors")
    return record


def part_run(part: str, seed: int, last: int | None = None) -> dict:
    """A run without one part, at the losses and accuracies of every hundredth step."""
    reading, changes, families = PARTS[part]
    config = dataclasses.replace(default_config(), **changes)
    recipe = Recipe(families=families)
    run = training.new_run(config, reading=reading, seed=seed, recipe=recipe)
    fit_until(last, run)
    record = {
        "seed": seed,
        "steps": [one.step for one in run.looks],
        "loss": {f: rounded([one.loss[f] for one in run.looks]) for f in families},
        "accuracy": {f: rounded([one.accuracy[f] for one in run.looks]) for f in families},
    }
    if last is None:
        record["longer"] = add_look(looks(), run, samples()["longer"])
    return record


def few_run(heads: int, seed: int, n_steps: int = 1000, last: int | None = None) -> dict:
    """A model that is shown the same few sentences of each family again and again."""
    config = dataclasses.replace(default_config(), n_heads=heads)
    chance = random.Random(seed)
    few = {f: chance.sample(corpus.every_sentence(f), N_FEW) for f in FAMILIES}
    pool = [one for each in few.values() for one in each]
    recipe = Recipe(n_steps=n_steps, stop_at=None)
    run = training.new_run(config, seed=seed, recipe=recipe)
    draw = lambda step: random.Random(f"{seed} {step}").sample(pool, recipe.batch_size)  # noqa: E731
    record = {"seed": seed, "steps": [], "held_out": looks(), "few": looks()}
    held_out = samples()["held_out"]
    for step in own_loop(run, draw):
        if step % 100 == 0:
            record["steps"].append(step)
            add_look(record["held_out"], run, held_out)
            add_look(record["few"], run, few)
        if step == last:
            break
    return record


def before_run(reading: str, seed: int, n_steps: int = 400, last: int | None = None) -> dict:
    """A model that is asked for answers whose cue comes after them."""
    families = ("bank", "agreement")
    pools = {f: corpus.every_sentence(f, "cue_after") for f in families}
    recipe = Recipe(n_steps=n_steps, stop_at=None, families=families)
    run = training.new_run(default_config(), reading=reading, seed=seed, recipe=recipe)

    def draw(step: int) -> list[Sentence]:
        chance = random.Random(f"{seed} {step}")
        half = recipe.batch_size // 2
        return [one for pool in pools.values() for one in chance.choices(pool, k=half)]

    record = {"seed": seed, "steps": [], "loss": {f: [] for f in families}}
    for step in own_loop(run, draw):
        if step % 20 == 0:
            record["steps"].append(step)
            for family in families:
                record["loss"][family].append(round(run.answer_loss(pools[family]), 4))
        if step == last:
            break
    return record


def fit_until(
    last: int | None, run: TrainingRun, on_step: Callable[[TrainingRun], None] | None = None
) -> None:
    """``training.fit``, ended after step ``last``; the learning rate stays that of a whole run."""

    def after_step(run: TrainingRun) -> None:
        if on_step is not None:
            on_step(run)
        if len(run.losses) == last:
            raise StopIteration

    with contextlib.suppress(StopIteration):
        training.fit(run, progress=False, on_step=after_step)


def own_loop(run: TrainingRun, draw: Callable[[int], list[Sentence]]) -> Iterator[int]:
    """The loop of ``training.fit`` on sentences of one's own; yields the number of steps done."""
    recipe = run.recipe
    optimizer = torch.optim.AdamW(run.model.parameters(), weight_decay=recipe.weight_decay)
    yield 0
    for step in range(recipe.n_steps):
        optimizer.param_groups[0]["lr"] = training.learning_rate(step, recipe)
        loss = training.loss_of(run, draw(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield step + 1


def looks() -> dict:
    return {"loss": {f: [] for f in FAMILIES}, "accuracy": {f: [] for f in FAMILIES}}


def add_look(to: dict, run: TrainingRun, by_family: dict[str, list[Sentence]]) -> dict:
    now = training.look(run, by_family)
    for family in by_family:
        to["loss"][family].append(round(now.loss[family], 4))
        to["accuracy"][family].append(round(now.accuracy[family], 4))
    return to


def rounded(values: Tensor | list[float]) -> list:
    """Four places are enough to draw and to assert, and keep the file small."""
    if isinstance(values, Tensor):
        values = values.tolist()
    return [rounded(one) if isinstance(one, list) else round(one, 4) for one in values]


# Files


def jobs() -> dict[str, Callable[[], dict]]:
    """Every run by its name: group/variant/seed."""
    found = {}
    for seed in SEEDS:
        for reading in READINGS:
            found[f"runs/{reading}/{seed}"] = partial(full_run, reading, seed)
            found[f"before/{reading}/{seed}"] = partial(before_run, reading, seed)
        for part in PARTS:
            found[f"parts/{part}/{seed}"] = partial(part_run, part, seed)
        for heads in HEADS:
            if heads != 4:
                found[f"heads/{heads}/{seed}"] = partial(full_run, "left-to-right", seed, heads)
            found[f"few/{heads}/{seed}"] = partial(few_run, heads, seed)
    return found


def kept(name: str) -> Path:
    return KEPT / f"{name.replace('/', '--')}.json"


def write(found: dict[str, Callable]) -> None:
    """The records of each group into one file, and the models beside them."""
    groups: dict[str, dict[str, list]] = {}
    for name in sorted(found):
        group, variant, _ = name.split("/")
        record = json.loads(kept(name).read_text(encoding="utf-8"))
        groups.setdefault(group, {}).setdefault(variant, []).append(record)
    RECORDED.mkdir(exist_ok=True)
    for group, variants in groups.items():
        about = {"command": COMMAND, "config": dataclasses.asdict(default_config())}
        lines = ",\n".join(
            f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}"
            for key, value in (about | variants).items()
        )
        (RECORDED / f"training-{group}.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    for file in KEPT.glob("*.safetensors"):
        (RECORDED / file.name).write_bytes(file.read_bytes())
    for file in sorted(RECORDED.iterdir()):
        print(f"{file.name}: {file.stat().st_size:,} bytes")


def check() -> None:
    """Raise unless today's code begins every recorded run as it was, and ten end as they should.

    Another machine adds up in another order, and after 2000 steps no weight is the same. So the
    first looks are compared closely, and of the ten models what the chapter concludes.
    """
    for name, record in jobs().items():
        print(name, flush=True)
        compare(record(last=FIRST_LOOKS[name.split("/")[0]]), held(name), name)
    with tempfile.TemporaryDirectory() as folder:
        globals()["KEPT"] = Path(folder)
        for reading in READINGS:
            for seed in SEEDS:
                record = full_run(reading, seed)
                accuracy = {f: record["held_out"]["accuracy"][f][-1] for f in FAMILIES}
                print(reading, seed, accuracy, flush=True)
                assert min(accuracy.values()) >= 0.95, (reading, seed, accuracy)


def held(name: str) -> dict:
    """What is recorded of a run."""
    group, variant, seed = name.split("/")
    text = (RECORDED / f"training-{group}.json").read_text(encoding="utf-8")
    return json.loads(text)[variant][int(seed)]


def compare(now, then, name: str, within: float = 0.02) -> None:
    """Raise ``AssertionError``, with the place, where the beginning of a record differs.

    within: the largest difference, in nats or cosines; shares of sentences may differ by 0.1, since
        one sentence that tips over is a hundredth or two.
    """
    if isinstance(now, dict):
        for key, value in now.items():
            compare(value, then[key], f"{name}: {key}", 0.1 if "accuracy" in key else within)
    elif isinstance(now, list):
        assert now and len(now) <= len(then), f"{name}: {len(now)} now, {len(then)} recorded"
        for i, (value, recorded) in enumerate(zip(now, then, strict=False)):
            compare(value, recorded, f"{name} {i}", within)
    else:
        assert abs(now - then) <= within, f"{name}: {now} now, {then} recorded"


def main() -> None:
    torch.set_num_threads(1)  # the same sums in the same order
    if "--check" in sys.argv:
        return check()
    KEPT.mkdir(parents=True, exist_ok=True)
    found = jobs()
    wanted = sys.argv[1:] or [""]
    for name, record in found.items():
        asked = any(f"{name}/".startswith(one.strip("/") + "/" if one else "") for one in wanted)
        if asked and not kept(name).exists():
            print(name, flush=True)
            kept(name).write_text(json.dumps(record()), encoding="utf-8")
    if all(kept(name).exists() for name in found):
        write(found)


if __name__ == "__main__":
    main()
