"""Record how five position schemes do beyond the length that they were trained on.

    .venv/bin/python scripts/record_lengths.py           # what is missing, then the file
    .venv/bin/python scripts/record_lengths.py --check   # one seed anew, compared with the file

Some fifteen minutes on one core. One model for each scheme and seed, trained as in the chapter
`training`, reading left to right, on sentences of at most 16 words. Then two questions are put to
it: held-out sentences that start at a later position, with nothing before them that may be seen;
and sentences that are longer by one phrase. Written: src/incontext/recorded/lengths.json.
"""

import dataclasses
import json
import sys
from pathlib import Path

import torch

from incontext import corpus, training
from incontext.corpus import FAMILIES
from incontext.training import RECORDED, TrainingRun

FILE = RECORDED / "lengths.json"
KEPT = Path(__file__).parents[1] / "_build" / "record" / "lengths"
SCHEMES = ("learned", "sinusoidal", "rotary", "alibi", None)
SEEDS = range(3)
STARTS = (0, 4, 8, 16, 32, 64, 100)
N_POSITIONS = 128
AGAIN = 0.05  # accuracies of a run trained again, on another machine, agree to this


def config_of(positions: str | None):
    return dataclasses.replace(
        training.default_config(), positions=positions, n_positions=N_POSITIONS
    )


@torch.no_grad()
def accuracy(run: TrainingRun, split: str, start: int = 0) -> dict[str, float]:
    """By family: the share of sentences answered right that begin at position ``start``."""
    found = {}
    for family in FAMILIES:
        sentences = corpus.every_sentence(family, split)
        ids, is_word, at = training.batch_of(sentences, run.vocabulary, run.reading)
        before = torch.zeros(len(ids), start, dtype=ids.dtype)  # padding, never attended to
        ids, is_word = torch.cat([before, ids], 1), torch.cat([before > 0, is_word], 1)
        logits = run.model(ids, is_word, need_weights=False).logits
        logits = logits[torch.arange(len(ids)), at + start]
        right = 0
        for one, of_words in zip(sentences, logits, strict=True):
            scores = of_words[run.vocabulary.encode(one.alternatives)]
            right += one.alternatives[int(scores.argmax())] == one.words[one.answer]
        found[family] = round(right / len(sentences), 4)
    return found


def measured(positions: str | None, seed: int) -> dict:
    run = training.train(config_of(positions), seed=seed, progress=False)
    return {
        "held_out": {str(start): accuracy(run, "held_out", start) for start in STARTS},
        "longer": accuracy(run, "longer"),
    }


def kept(positions: str | None, seed: int) -> dict:
    path = KEPT / f"{positions}-{seed}.json"
    if not path.exists():
        found = measured(positions, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found), encoding="utf-8")
        print(positions, seed, found, flush=True)
    return json.loads(path.read_text(encoding="utf-8"))


def main() -> None:
    schemes = {str(one): [kept(one, seed) for seed in SEEDS] for one in SCHEMES}
    head = {
        "command": ".venv/bin/python scripts/record_lengths.py",
        "longest_trained": max(
            len(one.words) for family in FAMILIES for one in corpus.every_sentence(family)
        ),
        "starts": STARTS,
    }
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in {**head, **schemes}.items())
    FILE.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def check() -> int:
    recorded = json.loads(FILE.read_text(encoding="utf-8"))
    off = []
    for positions in SCHEMES:
        now, then = measured(positions, 0), recorded[str(positions)][0]
        pairs = [(now["longer"], then["longer"])]
        pairs += [(now["held_out"][str(s)], then["held_out"][str(s)]) for s in STARTS[:1]]
        for one, other in pairs:
            off += [
                f"{positions}, {f}: {one[f]} and {other[f]}"
                for f in FAMILIES
                if abs(one[f] - other[f]) > AGAIN
            ]
    print("\n".join(off) or "as recorded")
    return int(bool(off))


if __name__ == "__main__":
    sys.exit(check() if "--check" in sys.argv[1:] else main())
