"""Record what the chapter on heads shows and cannot compute in a minute.

    .venv/bin/python scripts/record_heads.py            # all of it, some six minutes on one core
    .venv/bin/python scripts/record_heads.py --check    # some of it anew, compared with the file

- All 72 heads of MiniLM switched off one at a time, by zeros and by their mean, under three
  yardsticks: how far sentence vectors turn, how far the difference turns that word order makes, and
  how much smaller the gap between two senses of a word gets.
- 20 heads of SmolLM2 switched off one at a time, both ways, under two yardsticks: the loss on the
  second half of repeated tokens, and the lead of the right form of the verb.
- The induction heads switched off together on other tokens and on prose, both said twice, and in
  their place, 20 times, five others of the same layers. The heads that look at the subject in time,
  on twenty starts that the grammar did not make.
- For each relation the decoder's best head, chosen on some sentences and tested on others.
- The best of the heads of fresh and scrambled models: decoders for each pattern and relation,
  encoders for each relation, on the sentences on which the trained heads are tested.

Layers and heads are counted from 0. Run it again when a model, the sentences or the measures
change, and commit the file.
"""

import copy
import json
import sys
from collections.abc import Sequence
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F

from incontext import reading, relations
from incontext.embeddings import cosine_similarity
from incontext.pretrained import load_decoder, load_encoder
from incontext.tokenization import Tokenizer, whole_words
from incontext.transformer import Decoder, Encoder

SEEDS = range(3)
WAYS = ("zero", "mean")
STARTS = (  # the first noun with an s and the last without, and the other way round
    "The key{} to the cabinet{}",
    "The book{} next to the lamp{}",
    "The picture{} of the house{}",
    "The player{} on the team{}",
    "The label{} on the bottle{}",
    "The student{} of the teacher{}",
    "The letter{} from the lawyer{}",
    "The road{} to the village{}",
    "The owner{} of the house{}",
    "The farmer{} near the river{}",
)
PROSE = (
    "The committee will meet again in the first week of March to decide whether the old bridge over"
    " the canal should be repaired or replaced.",
    "To make the dough, mix flour, warm water, salt and a little sugar. Let it rest for an hour,"
    " then fold it twice and bake it in a hot oven.",
)


class OfTheEncoder:
    """Three yardsticks for MiniLM, each a number that is larger the more a head is missed."""

    def __init__(self) -> None:
        self.model, self.tokenizer = load_encoder()
        self.means = reading.head_means(
            self.model, *self.tokenizer.encode_batch(relations.SENTENCES)
        )
        senses = relations.SENSES
        self.ids, self.mask = self.tokenizer.encode_batch([t for s in senses.values() for t in s])
        words = torch.tensor([self.tokenizer.id_of(word) for word in senses for _ in range(8)])
        self.places = (self.ids == words[:, None]).int().argmax(-1)
        roles = [role.split() for role in relations.ROLES]
        self.swapped, _ = self.tokenizer.encode_batch(
            [
                f"The {a} {verb} the {b}."
                for one, verb, other in roles
                for a, b in ((one, other), (other, one))
            ]
        )
        self.intact = self.vectors()

    @torch.no_grad()
    def vectors(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Sentence vectors [32, C], what order changes in them [20, C], senses' gap []."""
        x = self.model(self.ids, self.mask, need_weights=False).last_hidden_state
        texts = (x * self.mask[:, :, None]).sum(1) / self.mask.sum(1, keepdim=True)
        words = x[torch.arange(len(x)), self.places].view(4, 8, -1)
        cosines = cosine_similarity(words[:, :, None], words[:, None, :])
        sense = torch.arange(8) // 4
        alike = sense[:, None] == sense
        gap = cosines[:, alike & ~torch.eye(8, dtype=torch.bool)].mean() - cosines[:, ~alike].mean()
        y = self.model(self.swapped, need_weights=False).last_hidden_state.mean(1)
        one, other = y.unflatten(0, (-1, 2)).unbind(1)
        return texts, one - other, gap

    def separation(self, off: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """With these of the 72 heads off by zeros, for each of the four words: in how many of its
        eight sentences the nearest of the seven others has the same sense, and the gap, [4], [4].
        """
        with reading.ablated(self.model, [divmod(i, 12) for i in off]), torch.no_grad():
            x = self.model(self.ids, self.mask, need_weights=False).last_hidden_state
        words = x[torch.arange(len(x)), self.places].view(4, 8, -1)
        cosines = cosine_similarity(words[:, :, None], words[:, None, :])
        sense, itself = torch.arange(8) // 4, torch.eye(8, dtype=torch.bool)
        alike = sense[:, None] == sense
        nearest = cosines.masked_fill(itself, -1).argmax(-1)
        gap = cosines[:, alike & ~itself].mean(-1) - cosines[:, ~alike].mean(-1)
        return (sense[nearest] == sense).sum(-1), gap

    def removal(self) -> dict[str, list[dict[str, float]]]:
        """0, 12, … 72 heads off, in the order of what each is worth to the *other* two words.

        A head's worth is how much the gap shrinks when it alone is off.
        """
        gaps = torch.stack([self.separation([i])[1] for i in range(72)])
        worth = self.separation([])[1] - gaps  # [72, 4]
        by_the_others = worth[:, [2, 3, 0, 1]].unflatten(1, (2, 2)).mean(-1)  # [72, 2]
        orders = {
            "dispensable first": by_the_others.argsort(0),
            "precious first": by_the_others.argsort(0, descending=True),
        }
        for seed in range(5):
            order = torch.randperm(72, generator=torch.Generator().manual_seed(seed))
            orders[f"random {seed}"] = order[:, None].expand(-1, 2)
        found = {}
        for name, order in orders.items():
            rows = []
            for n in range(0, 73, 12):
                own, gap = zip(
                    *(
                        (own[two], gap[two])
                        for two, off in ((slice(2), order[:n, 0]), (slice(2, 4), order[:n, 1]))
                        for own, gap in [self.separation(off.tolist())]
                    ),
                    strict=True,
                )
                rows.append(
                    {"own sense": int(torch.cat(own).sum()), "gap": float(torch.cat(gap).mean())}
                )
            found[name] = rows
        return found

    def without(self, layer: int, head: int, way: str) -> dict[str, float]:
        means = self.means if way == "mean" else None
        with reading.ablated(self.model, [(layer, head)], means):
            texts, order, gap = self.vectors()
        return {
            "sentences": (1 - cosine_similarity(texts, self.intact[0])).mean().item(),
            "order": (1 - cosine_similarity(order, self.intact[1])).mean().item(),
            "senses": (self.intact[2] - gap).item(),
        }


class OfTheDecoder:
    """Two yardsticks for SmolLM2, and the heads that are tried on them."""

    def __init__(self) -> None:
        self.model, self.tokenizer = load_decoder()
        self.repeats = self.repeated(seed=1)
        self.unrepeated = self.repeated(seed=2)[:, :40]
        self.questions = questions(relations.pairs("subject and verb", 40, seed=1))
        self.forms = [self.tokenizer.id_of(form) for form in (" was", " were")]

    def repeated(self, seed: int) -> torch.Tensor:
        """Four times 40 words by chance, and the same 40 again, [4, 80]."""
        pool, generator = whole_words(self.tokenizer), torch.Generator().manual_seed(seed)
        some = [torch.randperm(len(pool), generator=generator)[:40] for _ in range(4)]
        half = pool[torch.stack(some)]
        return torch.cat([half, half], dim=1)

    @torch.no_grad()
    def losses(self, twice: torch.Tensor | None = None) -> tuple[float, float]:
        """Over the first half of texts and over its repetition, nats a token."""
        twice = self.repeats if twice is None else twice
        n, logits = twice.shape[1] // 2, self.model(twice, need_weights=False).logits[:, :-1]
        losses = F.cross_entropy(logits.mT, twice[:, 1:], reduction="none")
        return losses[:, : n - 1].mean().item(), losses[:, n:].mean().item()

    @torch.no_grad()
    def lead(self, of: Sequence[tuple[str, bool]] = ()) -> float:
        """The logit of the right form of the verb minus that of the other, on average."""
        texts, plural = zip(*(of or self.questions), strict=True)
        ids, mask = self.tokenizer.encode_batch(texts)
        logits = self.model(ids, mask, need_weights=False).logits
        was, were = logits[torch.arange(len(ids)), mask.sum(1) - 1][:, self.forms].unbind(-1)
        return torch.where(torch.tensor(plural), were - was, was - were).mean().item()

    @torch.no_grad()
    def chosen(self) -> dict[str, list[tuple[int, int]]]:
        """20 heads, chosen on other tokens and sentences than those on which they are tried."""
        other = self.repeated(seed=0)
        target = reading.patterns(other, causal=True)["after a copy"]
        seen = self.model(other).attentions
        induction = reading.pattern_scores(seen, target).mean(0)

        examples = relations.pairs("subject and verb", 40, seed=0)
        ids, mask = self.tokenizer.encode_batch([pair.text for pair in examples])
        from_verb = relations.hits(self.model(ids, mask).attentions, self.tokenizer, examples)
        fronts = [
            relations.Pair(pair.words[: pair.later], pair.earlier, pair.later - 1)
            for pair in examples
            if pair.earlier < pair.later - 1
        ]
        ids, mask = self.tokenizer.encode_batch([pair.text for pair in fronts])
        before = relations.hits(self.model(ids, mask).attentions, self.tokenizer, fronts)
        found = {
            "induction": best(induction, 5),
            "from the verb to its subject": best(from_verb.float().mean(0), 3),
            "from before the verb to its subject": best(before.float().mean(0), 5),
        }
        taken = {head for heads in found.values() for head in heads}
        order = torch.randperm(270, generator=torch.Generator().manual_seed(0)).tolist()
        rest = [divmod(i, 9) for i in order if divmod(i, 9) not in taken]
        return found | {"by chance": rest[: 20 - len(taken)]}

    def without(self, heads: list[tuple[int, int]], way: str) -> dict[str, float]:
        """Both yardsticks with these heads off together."""
        with self.off(heads, way, self.unrepeated):
            first, repetition = self.losses()
        others = questions(relations.pairs("subject and verb", 40, seed=0))
        with self.off(heads, way, *self.tokenizer.encode_batch([text for text, _ in others])):
            lead = self.lead()
        return {"first": first, "repetition": repetition, "lead": lead}

    def on_repeats(self, heads: list[tuple[int, int]], twice: torch.Tensor) -> dict[str, float]:
        """The losses of texts said twice, and that of the repetition with these heads off."""
        first, repetition = self.losses(twice)
        found = {"first": first, "repetition": repetition}
        for way in WAYS:
            with self.off(heads, way, self.unrepeated):
                found[way] = self.losses(twice)[1]
        return found

    def controls(self, heads: list[tuple[int, int]], n: int) -> list[dict[str, float]]:
        """The loss of the repetition with as many other heads of the same layers off, n times."""
        beside = [(i, j) for i in sorted({i for i, _ in heads}) for j in range(9)]
        beside = [head for head in beside if head not in heads]
        rows = []
        for seed in range(n):
            order = torch.randperm(len(beside), generator=torch.Generator().manual_seed(seed))
            some = [beside[i] for i in order[: len(heads)]]
            found = self.on_repeats(some, self.repeats)
            rows.append({way: found[way] for way in WAYS})
        return rows

    def starts(self, **groups: list[tuple[int, int]]) -> dict[str, float]:
        """The lead on twenty starts with all heads on, and with each of these groups off."""
        ends = (("", "s"), ("s", ""))
        of = [(start.format(*end), end[0] == "s") for start in STARTS for end in ends]
        found = {"intact": self.lead(of)}
        for name, heads in groups.items():
            for way in WAYS:
                with self.off(heads, way, *self.tokenizer.encode_batch([text for text, _ in of])):
                    found[f"{name}, {way}"] = self.lead(of)
        return found

    @torch.no_grad()
    def on_relations(self) -> dict[str, dict[str, float]]:
        """The head that is right most often on 40 sentences, and its share on 40 others."""
        found = {}
        for relation, other in relations.HELD_OUT.items():
            chosen = shares(self.model, self.tokenizer, relations.pairs(relation, 40, 0))
            ((layer, head),) = best(chosen, 1)
            tested = shares(self.model, self.tokenizer, relations.pairs(other, 40, 1))
            found[relation] = {"layer": layer, "head": head, "right": tested[layer, head].item()}
        return found

    @contextmanager
    def off(self, heads, way, *reference):
        means = reading.head_means(self.model, *reference) if way == "mean" else None
        with reading.ablated(self.model, heads, means):
            yield


def questions(examples: Sequence[relations.Pair]) -> list[tuple[str, bool]]:
    """What stands before the verb, and whether the verb is *were*."""
    return [(" ".join(p.words[: p.later]), p.words[p.later] == "were") for p in examples]


@torch.no_grad()
def shares(
    model: Encoder | Decoder,
    tokenizer: Tokenizer,
    examples: Sequence[relations.Pair],
    forward: bool = False,
) -> torch.Tensor:
    """The share of the sentences on which each head is right, [layer, head]."""
    ids, mask = tokenizer.encode_batch([pair.text for pair in examples])
    hits = relations.hits(model(ids, mask).attentions, tokenizer, examples, forward=forward)
    return hits.float().mean(0)


def best(scores: torch.Tensor, n: int) -> list[tuple[int, int]]:
    return [divmod(i, scores.shape[1]) for i in scores.flatten().topk(n).indices.tolist()]


def fresh(model: Encoder | Decoder, seed: int) -> Encoder | Decoder:
    """The same architecture before training."""
    return type(model)(model.config, torch.Generator().manual_seed(seed))


def scrambled(model: Encoder | Decoder, seed: int) -> Encoder | Decoder:
    """The model's own numbers, shuffled inside each matrix of its blocks."""
    generator, model = torch.Generator().manual_seed(seed), copy.deepcopy(model)
    stack = model.stack if isinstance(model, Decoder) else model
    for p in filter(lambda p: p.ndim == 2, stack.blocks.parameters()):
        p.data = p.data.flatten()[torch.randperm(p.numel(), generator=generator)].view_as(p)
    return model


@torch.no_grad()
def best_of(model: Decoder, decoder: OfTheDecoder) -> dict[str, float]:
    """The highest score of its 270 heads, for each pattern and relation."""
    tokenizer = decoder.tokenizer
    ids, mask = tokenizer.encode_batch(relations.SENTENCES)
    seen = model(ids, mask).attentions
    found = {
        name: reading.pattern_scores(seen, target).mean(0).max().item()
        for name, target in reading.patterns(ids, mask, causal=True).items()
        if name != "after a copy"
    }
    repeats = decoder.repeated(seed=0)
    target = reading.patterns(repeats, causal=True)["after a copy"]
    seen = model(repeats).attentions
    found["after a copy"] = reading.pattern_scores(seen, target).mean(0).max().item()
    return found | best_on_relations(model, tokenizer)


def best_on_relations(
    model: Encoder | Decoder, tokenizer: Tokenizer, forward: bool = False
) -> dict[str, float]:
    """The largest share of the 40 tested sentences on which one of its heads is right."""
    return {
        relation: shares(model, tokenizer, relations.pairs(other, 40, 1), forward).max().item()
        for relation, other in relations.HELD_OUT.items()
    }


def encoders_by_chance(encoder: OfTheEncoder, seeds: Sequence[int]) -> dict[str, dict]:
    """The same for fresh and scrambled encoders, in both directions: the best of all of them."""
    models = [make(encoder.model, seed) for make in (fresh, scrambled) for seed in seeds]
    best_of_each = {}
    for way in ("back", "forward"):
        each = [best_on_relations(m, encoder.tokenizer, way == "forward") for m in models]
        best_of_each[way] = {name: max(one[name] for one in each) for name in relations.HELD_OUT}
    return rounded(best_of_each)


def rounded(numbers):
    if isinstance(numbers, dict):
        return {name: rounded(one) for name, one in numbers.items()}
    return round(numbers, 5)


def measured(
    n_heads: int = 72, n_decoder: int = 20, seeds: Sequence[int] = SEEDS, n_controls: int = 20
) -> dict:
    """All of it, or of the first heads and seeds alone."""
    encoder = OfTheEncoder()
    heads = [divmod(i, 12) for i in range(n_heads)]
    of_encoder = {way: [rounded(encoder.without(*h, way)) for h in heads] for way in WAYS}
    decoder = OfTheDecoder()
    groups = decoder.chosen()
    singles = [head for group in groups.values() for head in group][:n_decoder]
    induction, in_time = groups["induction"], groups["from before the verb to its subject"]
    prose = [decoder.tokenizer.encode(text).repeat(2)[None] for text in PROSE]
    together = {name: heads for name, heads in groups.items() if n_decoder == 20}
    return {
        "command": ".venv/bin/python scripts/record_heads.py",
        "encoder": of_encoder,
        "removal": {name: list(map(rounded, rows)) for name, rows in encoder.removal().items()},
        "encoders by chance": encoders_by_chance(encoder, seeds),
        "decoder": {
            "groups": groups,
            "intact": rounded(decoder.without([], "zero")),
            "alone": {w: [rounded(decoder.without([h], w)) for h in singles] for w in WAYS},
            "together": {
                name: {way: rounded(decoder.without(heads, way)) for way in WAYS}
                for name, heads in together.items()
            },
            "other tokens": [
                rounded(decoder.on_repeats(induction, decoder.repeated(seed))) for seed in (3, 4, 5)
            ],
            "prose": [rounded(decoder.on_repeats(induction, twice)) for twice in prose],
            "controls": list(map(rounded, decoder.controls(induction, n_controls))),
            "starts": rounded(decoder.starts(five=in_time, one=[(26, 0)])),
            "relations": rounded(decoder.on_relations()),
        },
        "by chance": {
            make.__name__: [rounded(best_of(make(decoder.model, s), decoder)) for s in seeds]
            for make in (fresh, scrambled)
        },
    }


def main() -> None:
    text = json.dumps(measured(), ensure_ascii=False, indent=1)
    reading.RECORDED.write_text(text + "\n", encoding="utf-8")
    print(f"{reading.RECORDED}: {reading.RECORDED.stat().st_size} bytes")


def check() -> int:
    """A few heads and one seed anew; how many numbers differ from the file."""
    file = reading.recorded()
    anew = json.loads(json.dumps(measured(n_heads=6, n_decoder=3, seeds=range(1), n_controls=1)))
    wrong = 0
    if anew["decoder"]["groups"] != file["decoder"]["groups"]:
        print("other heads of the decoder are chosen:", anew["decoder"]["groups"])
        wrong += 1
    pairs = [
        (f"{name} {way} {i}", one, theirs[way][i])
        for name, ours, theirs in (
            ("encoder", anew["encoder"], file["encoder"]),
            ("decoder", anew["decoder"]["alone"], file["decoder"]["alone"]),
        )
        for way in WAYS
        for i, one in enumerate(ours[way])
    ]
    pairs += [
        (kind, runs[0], file["by chance"][kind][0]) for kind, runs in anew["by chance"].items()
    ]
    pairs += [
        (f"removal, {name} {12 * i}", one, file["removal"][name][i])
        for name, rows in anew["removal"].items()
        for i, one in enumerate(rows)
    ]
    pairs += [
        (f"{name} {i}", one, file["decoder"][name][i])
        for name in ("other tokens", "prose", "controls")
        for i, one in enumerate(anew["decoder"][name])
    ]
    pairs += [("starts", anew["decoder"]["starts"], file["decoder"]["starts"])]
    pairs += [
        (relation, one, file["decoder"]["relations"][relation])
        for relation, one in anew["decoder"]["relations"].items()
    ]
    for name, ours, theirs in pairs:
        for key in ours:
            if not np.isclose(ours[key], theirs[key], rtol=1e-2, atol=2e-2):
                print(f"{name}, {key}: {ours[key]} anew, {theirs[key]} in the file")
                wrong += 1
    print("as recorded" if not wrong else f"{wrong} differ")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(check() if "--check" in sys.argv[1:] else main())
