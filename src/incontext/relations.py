"""Which word should look at which? Sentences of a small grammar in which that is known.

Each sentence holds a pair of words that belong together, at a distance that varies, and in between
or nearby an *attractor*: a word of the same kind that belongs to something else. A head that goes
by position alone finds the partner only where it happens to stand; how often that is, at best, is
``best_offset``.

Linzen et al. (2016), "Assessing the Ability of LSTMs to Learn Syntax-Sensitive Dependencies"
(attractors); Clark et al. (2019), "What Does BERT Look At?", section 4 (the measure, and a fixed
offset to compare with).
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from incontext import checks
from incontext.tokenization import Tokenizer

NOUNS = {
    "dog": "dogs", "cat": "cats", "boy": "boys", "girl": "girls", "horse": "horses",
    "bird": "birds", "car": "cars", "house": "houses", "tree": "trees", "table": "tables",
    "king": "kings", "doctor": "doctors",
}  # fmt: skip
ADJECTIVES = ("old", "young", "small", "big", "red", "green", "dark", "white", "quiet", "strange")
CUES = ("money", "loan", "credit", "cash", "river", "water", "boat", "shore")
OTHERS = ("horse", "song", "doctor", "chair", "apple", "window", "letter", "garden")
NEW_CUES = ("coin", "savings", "debt", "cheque", "stream", "lake", "fish", "ship")
NEW_OTHERS = ("table", "teacher", "story", "pencil", "music", "ladder", "picture", "tower")


SENTENCES = [
    "The old man gave the young man his coat.",
    "A dog is a dog, and a cat is a cat.",
    "She read the letter, folded the letter and burned the letter.",
    "The river bank was steep, and the bank in town was closed.",
    "Rain fell on the roof, and the rain kept us inside.",
    "The doctor asked the nurse, and the nurse asked the patient.",
    "My brother plays the piano while my sister plays the violin.",
    "The train to Paris was late, so we missed the train to Lyon.",
    "Time is money, but money cannot buy time.",
    "Some birds fly south in winter, and some birds stay.",
    "The keys to the cabinet are on the table near the other keys.",
    "Fresh bread smells good, but fresh bread costs more.",
]

# In each pair the first ending means the first noun, and the second the other.
IT_PAIRS = [
    ("The *chicken* didn't cross the *road* because it was too {}.", "tired", "wide"),
    ("The *trophy* did not fit in the *suitcase* because it was too {}.", "big", "small"),
    ("The *dog* chased the *ball* until it {}.", "was exhausted", "rolled into the lake"),
    ("The *cat* sat on the *chair* because it was {}.", "sleepy", "soft"),
    ("The *horse* drank from the *bucket* until it was {}.", "full", "empty"),
    ("The *mouse* ran into the *hole* because it was {}.", "afraid", "dark"),
    ("The *truck* could not pass the *bridge* because it was too {}.", "heavy", "weak"),
    ("The *bird* left the *nest* because it was {}.", "hungry", "broken"),
    ("The *bee* flew to the *flower* because it {}.", "was thirsty", "smelled sweet"),
    ("The *sofa* did not go through the *door* because it was too {}.", "large", "narrow"),
    ("The *wolf* walked to the *river* because it was {}.", "thirsty", "near"),
    ("The *ship* reached the *island* before it {}.", "sank", "vanished in fog"),
]
NEW_IT_PAIRS = [  # on which no head was chosen
    ("The *child* could not lift the *box* because it was too {}.", "young", "heavy"),
    ("The *cow* did not cross the *field* because it was too {}.", "tired", "wet"),
    ("The *dog* did not enter the *river* because it was too {}.", "scared", "deep"),
    ("The *cat* didn't jump over the *fence* because it was too {}.", "old", "high"),
    ("The *horse* would not drink the *water* because it was too {}.", "sick", "dirty"),
    ("The *piano* did not fit through the *window* because it was too {}.", "wide", "small"),
    ("The *bird* could not crack the *nut* because it was too {}.", "weak", "hard"),
    ("The *baby* did not eat the *soup* because it was too {}.", "sleepy", "hot"),
    ("The *lion* could not climb the *wall* because it was too {}.", "fat", "steep"),
    ("The *robot* dropped the *plate* because it was too {}.", "clumsy", "slippery"),
    ("The *elephant* broke the *chair* because it was too {}.", "heavy", "fragile"),
    ("The *snail* did not reach the *leaf* because it was too {}.", "slow", "far"),
    ("The *puppy* could not open the *gate* because it was too {}.", "small", "stiff"),
    ("The *plane* did not land on the *runway* because it was too {}.", "damaged", "short"),
    ("The *car* could not enter the *tunnel* because it was too {}.", "tall", "low"),
    ("The *rabbit* stayed in the *garden* because it was so {}.", "hungry", "green"),
    ("The *monkey* threw away the *banana* because it was {}.", "angry", "rotten"),
    ("The *goat* did not eat the *grass* because it was too {}.", "ill", "dry"),
    ("The *kitten* slept on the *pillow* because it was so {}.", "sleepy", "soft"),
]
HE_SHE_PAIRS = [
    ("The *boy* thanked the *girl* because {} was grateful.", "he", "she"),
    ("The *king* met the *queen* before {} left.", "he", "she"),
    ("The *uncle* called the *aunt* when {} arrived.", "he", "she"),
    ("The *lady* saw the *waiter* after {} sat down.", "she", "he"),
    ("The *sister* wrote to the *brother* while {} was away.", "she", "he"),
    ("The *father* told the *mother* that {} was late.", "he", "she"),
    ("The *actress* greeted the *actor* as {} came in.", "she", "he"),
    ("*Mary* smiled at *John* when {} sang.", "she", "he"),
    ("The *man* followed the *woman* until {} stopped.", "he", "she"),
    ("The *bride* looked at the *groom* while {} spoke.", "she", "he"),
    ("The *wife* asked the *husband* if {} was ready.", "she", "he"),
    ("The *prince* danced with the *princess* until {} was tired.", "he", "she"),
]

ROLES = [
    "cat ate fish",
    "dog bit man",
    "king saw queen",
    "doctor asked nurse",
    "boy chased dog",
    "teacher helped student",
    "lion killed snake",
    "woman called driver",
    "mother kissed child",
    "bird watched cat",
    "wolf followed hunter",
    "nurse thanked pilot",
    "judge praised lawyer",
    "snake ate frog",
    "uncle hugged nephew",
    "soldier shot general",
    "singer married painter",
    "baby bit dog",
    "farmer paid baker",
    "robot built engineer",
]

# For each word, four sentences of one sense and four of another.
SENSES = {
    "bank": [
        "I paid the money in at the bank.",
        "The bank refused the loan.",
        "She opened an account at a bank in town.",
        "The bank raised its interest rates.",
        "We sat on the bank of the river.",
        "The boat drifted to the left bank.",
        "Reeds grow along the muddy bank.",
        "The stream had washed away its bank.",
    ],
    "bat": [
        "The bat hung from the roof of the cave.",
        "A bat flew out of the barn at dusk.",
        "The bat eats insects at night.",
        "We heard the wings of a bat in the dark.",
        "He hit the ball with his bat.",
        "The player dropped the bat and ran.",
        "She bought a wooden bat and a glove.",
        "The bat broke when he struck the ball.",
    ],
    "match": [
        "She lit the candle with a match.",
        "The match burned his finger.",
        "He struck a match in the dark.",
        "One wet match will not light the fire.",
        "Our team won the match.",
        "The match ended in a draw.",
        "They watched the match on television.",
        "The referee stopped the match.",
    ],
    "spring": [
        "Flowers bloom in spring.",
        "In spring the days grow longer.",
        "The birds come back every spring.",
        "We plant the beans in early spring.",
        "Water flows from a spring in the rock.",
        "They drank from the cold spring.",
        "The spring never runs dry.",
        "A hot spring feeds the pool.",
    ],
}


@dataclass(frozen=True)
class Pair:
    """A sentence, and the places of the two words that belong together."""

    words: tuple[str, ...]  # one space between each and the next makes the text
    earlier: int
    later: int

    @property
    def text(self) -> str:
        return " ".join(self.words)


def pairs(relation: str, n: int = 40, seed: int = 0) -> list[Pair]:
    """n sentences of one relation, the same ones for the same seed.

    relation: one of ``GRAMMARS``.
    """
    checks.one_of("relation", relation, tuple(GRAMMARS))
    checks.whole("n", n)
    chance = random.Random(seed)
    return [GRAMMARS[relation](chance) for _ in range(n)]


def _subject_and_verb(chance: random.Random, same_number: bool = False) -> Pair:
    """The *keys* near the table *were* here / Near the table the *keys* *were* here."""
    subject, attractor = chance.sample(list(NOUNS), 2)
    plural = chance.random() < 0.5
    subject = NOUNS[subject] if plural else subject
    attractor = NOUNS[attractor] if plural == same_number else attractor
    own, of_other = (chance.sample(ADJECTIVES, chance.randrange(3)) for _ in range(2))
    subject_phrase, other_phrase = ["the", *own, subject], ["near", "the", *of_other, attractor]
    if chance.random() < 0.5:
        front, at = subject_phrase + other_phrase, len(subject_phrase) - 1
    else:
        front = other_phrase + subject_phrase
        at = len(front) - 1
    end = ["were" if plural else "was", chance.choice(["here", "seen", "left", "lost"]), "."]
    return _pair(front + end, at, len(front))


def _noun_phrases(chance: random.Random, first: Callable, second: Callable) -> Pair:
    """Two noun phrases; the pair is in one of them, at the places that the functions give."""
    nouns = chance.sample(list(NOUNS), 2)
    phrases = [
        [chance.choice(["the", "a"]), *chance.sample(ADJECTIVES, chance.randint(1, 3)), noun]
        for noun in nouns
    ]
    verb = chance.choice(["saw", "met", "left"])
    start = chance.choice([0, len(phrases[0]) + 1])
    size = len(phrases[bool(start)])
    words = [*phrases[0], verb, *phrases[1], "."]
    return _pair(words, start + first(size), start + second(size))


def _adjective_and_noun(chance: random.Random) -> Pair:
    """The *old* red *house* saw a small dog: the first adjective of one to three."""
    return _noun_phrases(chance, lambda size: 1, lambda size: size - 1)


def _determiner_and_noun(chance: random.Random) -> Pair:
    """*The* old red *house* saw a small dog."""
    return _noun_phrases(chance, lambda size: 0, lambda size: size - 1)


def _cue_and_bank(
    chance: random.Random,
    cues: Sequence[str] = CUES,
    others: Sequence[str] = OTHERS,
    place: str = "bank",
) -> Pair:
    """We saw the *money* and the horse near the *bank*, or the horse and the money."""
    cue, other = chance.choice(cues), chance.choice(others)
    listed = [cue, other] if chance.random() < 0.5 else [other, cue]
    things = ["the", listed[0], "and", "the", listed[1]]
    padding = chance.sample(["today", "again", "there"], chance.randrange(3))
    words = ["we", "saw", *things, *padding, "near", "the", place, "."]
    return _pair(words, words.index(cue), words.index(place))


def _opener_and_closer(chance: random.Random) -> Pair:
    """we ( the old dog [ a cat ] ) left: one bracket in the other; either of the two is asked."""
    shapes = ["()", "[]"]
    chance.shuffle(shapes)
    (outer_open, outer_close), (inner_open, inner_close) = shapes
    nouns = chance.sample(list(NOUNS), 3)
    some = [chance.sample(ADJECTIVES, chance.randrange(3)) for _ in range(3)]
    inner = [inner_open, "the", *some[0], nouns[0], inner_close]
    before, after = ["the", *some[1], nouns[1]], ["the", *some[2], nouns[2]]
    words = ["we", "saw", outer_open, *before, *inner, *after, outer_close, "today", "."]
    if chance.random() < 0.5:
        return _pair(words, words.index(outer_open), words.index(outer_close))
    return _pair(words, words.index(inner_open), words.index(inner_close))


GRAMMARS = {
    "subject and verb": _subject_and_verb,
    "subject and verb, same number": partial(_subject_and_verb, same_number=True),
    "adjective and noun": _adjective_and_noun,
    "determiner and noun": _determiner_and_noun,
    "cue and bank": _cue_and_bank,
    "opener and closer": _opener_and_closer,
    "cue and bank, new words": partial(_cue_and_bank, cues=NEW_CUES, others=NEW_OTHERS),
    "cue and door": partial(_cue_and_bank, place="door"),
}

HELD_OUT = {  # the relation on whose sentences a head is chosen: the one on whose it is tested
    "subject and verb": "subject and verb",
    "adjective and noun": "adjective and noun",
    "determiner and noun": "determiner and noun",
    "cue and bank": "cue and bank, new words",
    "opener and closer": "opener and closer",
}


def _pair(words: Sequence[str], earlier: int, later: int) -> Pair:
    return Pair((words[0].capitalize(), *words[1:]), earlier, later)


def places(tokenizer: Tokenizer, pair: Pair) -> list[int]:
    """The token of each word of a sentence: the last one, where a word has several."""
    pieces = tokenizer.pieces(pair.text)
    first = tokenizer.tokens(tokenizer.encode(pair.text)).index(pieces[0])
    ends = [len(tokenizer.pieces(" ".join(pair.words[: i + 1]))) for i in range(len(pair.words))]
    return [first + end - 1 for end in ends]


def hits(
    attentions: Sequence[Float[Tensor, "B H T S"]],
    tokenizer: Tokenizer,
    examples: Sequence[Pair],
    *,
    forward: bool = False,
) -> Bool[Tensor, "B L H"]:
    """Whether the word that a head weighs most from one of a pair is the other, for each sentence.

    Only words are compared, and not the asked one itself: the tokens at the ends, where heads leave
    what they do not need, are left out. forward: from the earlier word to the later one; otherwise
    back from the later one.
    """
    if not attentions or attentions[0].shape[0] != len(examples):
        raise ValueError(
            f"examples must be as many as texts in attentions, got {len(examples)} and "
            f"{attentions[0].shape[0] if attentions else 'no layer'}"
        )
    found = []
    for number, pair in enumerate(examples):
        at = torch.tensor(places(tokenizer, pair))
        if at.max() >= attentions[0].shape[-1]:
            raise ValueError(
                f"attentions must reach to the last word of {pair.text!r}, token {at.max()}, got "
                f"{attentions[0].shape[-1]} keys; were they computed on this text?"
            )
        asked, wanted = (pair.earlier, pair.later) if forward else (pair.later, pair.earlier)
        rows = torch.stack([weights[number, :, at[asked]] for weights in attentions])  # [L, H, S]
        rows = rows[..., at]  # one number for each word
        rows[..., asked] = -1
        found.append(rows.argmax(-1) == wanted)
    return torch.stack(found)


def best_offset(examples: Sequence[Pair]) -> float:
    """How often the partner stands at the same distance, at the best distance."""
    distances = [pair.later - pair.earlier for pair in examples]
    return max(map(distances.count, distances)) / len(distances)
