"""On which sentences can a small model be trained, so that we know the right answers, and why?

A small grammar with four families. In each sentence one word, the *cue*, decides another, the
*answer*. The cue comes first, so that a model that reads left to right can know the answer (a model
that reads both sides gets the sentence with the answer hidden). Below, words in capitals are chosen
at random, parts in brackets may be left out, and cue and answer are marked by < > and by * *:

    bank       PERSON took the <CARGO> to the bank [by the PLACE] and met the *teller* / *fisher* .
               PERSON took the <CARGO> to the bank [by the PLACE] and saw the *counter* / *water* .
                   cash, loan, coins, cheque: money    boat, net, bait, rod: river
    it         the ANIMAL did not cross the PLACE because it was too <ADJECTIVE> : the *ANIMAL* .
                   tired, scared, hungry, old: the animal    wide, long, busy, muddy: the place
    agreement  the <NOUN> PREPOSITION the NOUN *is* / *are* here .
                   each noun singular or plural; the verb agrees with the first, not the nearer one
    who        the ANIMAL VERB the ANIMAL , <who> : the *ANIMAL* .      (<whom>: the other one)

Splits: ``train``; ``held_out``, a fifth of all combinations of these words, which ``train`` does
not contain in any order; ``longer``, with one more phrase before the answer; ``cue_after``, in
which the cue comes after the answer, for a model that reads both sides.

Families after Linzen, Dupoux and Goldberg (2016), "Assessing the Ability of LSTMs to Learn
Syntax-Sensitive Dependencies" (agreement), and Levesque, Davis and Morgenstern (2012), "The
Winograd Schema Challenge" (it).
"""

import functools
import hashlib
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations, product

from incontext import checks

FAMILIES = ("bank", "it", "agreement", "who")
SPLITS = ("train", "held_out", "longer", "cue_after")
READINGS = ("left-to-right", "both-sides")

PEOPLE = ("anna", "ben", "clara", "david", "emma", "felix")
PLACES_BY_THE_WAY = ("church", "school", "farm")
MONEY, RIVER = ("cash", "loan", "coins", "cheque"), ("boat", "net", "bait", "rod")
AT_THE_BANK = {"met": ("teller", "fisher"), "saw": ("counter", "water")}  # money, river

ANIMALS = ("cat", "dog", "hen", "fox", "goat", "owl", "pig", "cow")
CROSSED = ("road", "street", "field", "bridge")
OF_ANIMALS, OF_PLACES = ("tired", "scared", "hungry", "old"), ("wide", "long", "busy", "muddy")

NOUNS = (
    ("key", "keys"),
    ("lamp", "lamps"),
    ("chair", "chairs"),
    ("box", "boxes"),
    ("door", "doors"),
)
PREPOSITIONS = ("near", "behind", "below")
VERBS = ("chased", "saw", "bit", "followed")


@dataclass(frozen=True)
class Sentence:
    """A sentence with a known answer and the cue that decides it."""

    words: tuple[str, ...]
    family: str  # one of FAMILIES
    answer: int  # index of the word that the context decides
    cue: int  # index of the word that decides it; before the answer except in "cue_after"
    alternatives: tuple[str, ...]  # the words that could stand there, the right one among them

    @property
    def text(self) -> str:
        return " ".join(self.words)


def sentences(
    n: int, family: str | None = None, split: str = "train", seed: int = 0
) -> list[Sentence]:
    """``n`` sentences, drawn uniformly and with replacement. The same seed gives the same ones.

    family: one of ``FAMILIES``, or None to draw a family for each sentence, all equally likely.
    split: one of ``SPLITS``.
    """
    checks.whole("n", n)
    checks.one_of("family", family, (*FAMILIES, None))
    checks.one_of("split", split, SPLITS)
    checks.whole("seed", seed, minimum=0)
    chance = random.Random(seed)
    pools = {name: every_sentence(name, split) for name in ([family] if family else FAMILIES)}
    return [chance.choice(pools[chance.choice(list(pools))]) for _ in range(n)]


def every_sentence(family: str, split: str = "train") -> list[Sentence]:
    """All sentences of a family in a split, in a fixed order."""
    checks.one_of("family", family, FAMILIES)
    checks.one_of("split", split, SPLITS)
    return list(_spelled_out(family, split))


@functools.cache  # every step of a training draws from them
def _spelled_out(family: str, split: str) -> tuple[Sentence, ...]:
    grammar = GRAMMAR[family]
    if split in ("longer", "cue_after"):
        return tuple(sentence for _, sentence in grammar(split))
    held_out = split == "held_out"
    return tuple(s for combination, s in grammar("train") if _is_held_out(combination) == held_out)


def vocabulary() -> tuple[str, ...]:
    """All words of the grammar in alphabetical order. No split has a word that ``train`` lacks."""
    return tuple(
        sorted({w for family in FAMILIES for s in every_sentence(family) for w in s.words})
    )


def best_loss(
    family: str,
    knowing: str = "everything",
    split: str | None = None,
    reading: str = "left-to-right",
) -> float:
    """The lowest mean loss at the answer that any model can reach, in nats, from the grammar alone.

    It is the entropy of the answer given what is known, H(answer | known), if all sentences are
    equally likely.

    knowing: ``"everything"`` (the words in order), ``"no order"`` (which words, not where) or
        ``"no context"`` (the family and which answers it has, no word of the sentence).
    split: one of ``SPLITS``; train and held_out together where None.
    reading: whether the known words are those before the answer or all other words.
    """
    checks.one_of("knowing", knowing, ("everything", "no order", "no context"))
    checks.one_of("reading", reading, READINGS)
    splits = ("train", "held_out") if split is None else (split,)
    answers: dict[tuple, Counter] = defaultdict(Counter)
    for sentence in (each for one in splits for each in every_sentence(family, one)):
        before, after = sentence.words[: sentence.answer], sentence.words[sentence.answer + 1 :]
        seen = before if reading == "left-to-right" else (*before, "", *after)
        known = {"everything": seen, "no order": tuple(sorted(seen)), "no context": ()}[knowing]
        answers[known][sentence.words[sentence.answer]] += 1
    total = sum(counts.total() for counts in answers.values())
    return sum(_nats(counts) * counts.total() / total for counts in answers.values())


# The grammar: each family yields (combination, sentence). A combination is in train or held out.

Grammar = Iterator[tuple[tuple[str, ...], Sentence]]


def _bank(split: str) -> Grammar:
    for person, cargo, place, verb in product(
        PEOPLE, MONEY + RIVER, (*PLACES_BY_THE_WAY, None), AT_THE_BANK
    ):
        alternatives = AT_THE_BANK[verb]
        answer = alternatives[cargo in RIVER]
        way = f"by the {place} " if place else ""
        texts = {
            "train": f"{person} took the <{cargo}> to the bank {way}and {verb} the *{answer}* .",
            "longer": f"{person} took the <{cargo}> by the road and the field to the bank {way}"
            f"and {verb} the *{answer}* .",
            "cue_after": f"{person} {verb} the *{answer}* by the bank {way}and took the "
            f"<{cargo}> .",
        }
        yield (person, cargo, place or "", verb), _marked("bank", texts[split], alternatives)


def _it(split: str) -> Grammar:
    for animal, place, adjective in product(ANIMALS, CROSSED, OF_ANIMALS + OF_PLACES):
        answer = animal if adjective in OF_ANIMALS else place
        texts = {
            "train": f"the {animal} did not cross the {place} because it was too <{adjective}> : "
            f"the *{answer}* .",
            "longer": f"the {animal} by the farm did not cross the {place} because it was too "
            f"<{adjective}> : the *{answer}* .",
            "cue_after": f"the *{answer}* : the {animal} did not cross the {place} because it was "
            f"too <{adjective}> .",
        }
        yield (animal, place, adjective), _marked("it", texts[split], (animal, place))


def _agreement(split: str) -> Grammar:
    for (i, subject), (j, other), preposition in product(
        enumerate(NOUNS), enumerate(NOUNS), PREPOSITIONS
    ):
        if i == j:
            continue
        for number, number_of_other in product((0, 1), (0, 1)):
            first, second = subject[number], other[number_of_other]
            answer = ("is", "are")[number]
            third = NOUNS[next(k for k in (0, 1, 2) if k not in (i, j))][1 - number_of_other]
            texts = {
                "train": f"the <{first}> {preposition} the {second} *{answer}* here .",
                "longer": f"the <{first}> {preposition} the {second} near the {third} *{answer}* "
                "here .",
                "cue_after": f"here *{answer}* the <{first}> {preposition} the {second} .",
            }
            yield (
                (*sorted((first, second)), preposition),
                _marked("agreement", texts[split], ("is", "are")),
            )


def _who(split: str) -> Grammar:
    for (one, other), verb, question in product(permutations(ANIMALS, 2), VERBS, ("who", "whom")):
        answer = one if question == "who" else other
        texts = {
            "train": f"the {one} {verb} the {other} , <{question}> : the *{answer}* .",
            "longer": f"the {one} by the farm {verb} the {other} , <{question}> : the *{answer}* .",
            "cue_after": f"the *{answer}* : <{question}> , the {one} {verb} the {other} .",
        }
        yield (*sorted((one, other)), verb), _marked("who", texts[split], (one, other))


GRAMMAR: dict[str, Callable[[str], Grammar]] = {
    "bank": _bank,
    "it": _it,
    "agreement": _agreement,
    "who": _who,
}


def _marked(family: str, text: str, alternatives: tuple[str, ...]) -> Sentence:
    """The sentence of a text in which * * marks the answer and < > marks the cue."""
    words = text.split()
    answer = next(i for i, word in enumerate(words) if word.startswith("*"))
    cue = next(i for i, word in enumerate(words) if word.startswith("<"))
    return Sentence(tuple(word.strip("*<>") for word in words), family, answer, cue, alternatives)


def _is_held_out(combination: Iterable[str]) -> bool:
    """Whether a combination is in the held-out fifth, the same on every machine."""
    digest = hashlib.sha256(" ".join(combination).encode()).digest()
    return int.from_bytes(digest) % 5 == 0


def _nats(counts: Counter) -> float:
    total = counts.total()
    return -sum(count / total * math.log(count / total) for count in counts.values())
