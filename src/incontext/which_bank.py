"""Which bank is meant? Sentences with a label, to teach the difference and to test it.

Two sources. A small grammar makes sentences for training, in frames that suit both meanings, so
that only one noun phrase tells them apart:

    "my father talked about THE LOAN at the bank."   money
    "my father talked about THE REEDS at the bank."  river

And there are sentences that nobody's grammar made. They are the test: none of the words that tell
the meaning in the grammar occurs in them, and all other words that they share with the grammar
stand in both meanings there. Whoever has only learned which words go with which label has nothing
to go by.

    plain        one meaning, clearly
    misleading   words of both meanings, or a denial
    other        neither meaning: clouds, blood, switches
"""

import hashlib
import random
from itertools import product

from incontext import checks

LABELS = ("money", "river")
SPLITS = ("train", "held_out")

PEOPLE = (
    "the man", "the woman", "a girl", "a boy", "my father", "my mother", "Anna", "Ben",
)  # fmt: skip
FRAMES = (
    "{who} went to the bank because of {cue}.",
    "{who} talked about {cue} at the bank.",
    "at the bank {who} asked about {cue}.",
    "{who} thought of {cue} on the way to the bank.",
    "the bank was the place where {who} first saw {cue}.",
    "{who} waited near the bank for {cue}.",
    "it was {cue} that brought {who} back to the bank.",
    "{who} left the bank without {cue}.",
    "when {who} came to the bank, there was no trace of {cue}.",
    "with {cue} in mind, {who} turned towards the bank.",
    "nobody told {who} about {cue} at the bank.",
    "{cue} or not, {who} would go to the bank.",
)
CUES = {  # the same articles in both, so that they tell nothing
    "money": (
        "the money", "the loan", "the account", "the cash", "the mortgage", "the savings",
        "the teller", "the interest", "a cheque", "a credit card", "a deposit", "a payment",
        "a coin", "a salary", "some dollars", "some gold",
    ),
    "river": (
        "the river", "the stream", "the water", "the boat", "the reeds", "the mud",
        "the grass", "the fish", "a canoe", "a fishing rod", "a willow", "a bridge",
        "a swan", "a raft", "some ducks", "some pebbles",
    ),
}  # fmt: skip

WRITTEN = {
    "plain": {
        "money": (
            "The bank charged us a fee for every overdraft.",
            "Thieves broke into the bank and emptied the vault.",
            "Our bank has closed its last branch in the village.",
            "She works as a cashier in a bank downtown.",
            "The bank refused to lend the farmer anything.",
            "My pension goes straight to the bank every month.",
            "The bank sent me a statement and a new PIN.",
            "He owes the bank more than his house is worth.",
            "Investors lost faith in the bank overnight.",
            "Two armed robbers held up the bank at noon.",
            "The bank raised its fees again this year.",
            "You can change euros into pounds at any bank.",
            "The government had to save the bank from ruin.",
            "I keep my passport in a safe at the bank.",
            "The manager of the bank signed the contract.",
            "Customers queued outside the bank before it opened.",
            "A clerk at the bank counted the notes twice.",
            "Her bank stopped the transfer because it looked suspicious.",
            "The central bank fights inflation.",
            "He inherited shares in a Swiss bank.",
            "The company owes millions to its bank.",
            "My bank has a good app for paying bills.",
            "The auditor found a hole in the books of the bank.",
            "We borrowed from the bank to buy a flat.",
            "The bank failed and the shareholders got nothing.",
            "An email that seemed to come from my bank wanted my password.",
            "Wages are paid into your bank on Fridays.",
            "The bank offers cheap insurance to students.",
            "She withdrew everything and switched to another bank.",
            "A guard in uniform stood at the door of the bank.",
            "The trader cost his bank a fortune.",
            "Is there a bank in the shopping centre?",
            "Their bank financed the new factory.",
            "The bank wants to see your tax return.",
            "We argued with the bank about a debt.",
            "He became a director of the bank at forty.",
        ),
        "river": (
            "An otter slid down the bank and was gone.",
            "We moored the barge at the left bank.",
            "The flood tore away ten feet of the bank.",
            "A heron stood motionless on the bank.",
            "They had a picnic on the sunny bank.",
            "Trout hide in the shade under the bank.",
            "The current carried the log towards the far bank.",
            "Nettles and wild mint grew along the bank.",
            "He paddled hard, but the kayak drifted away from the bank.",
            "The cows came down the bank to drink.",
            "Beavers have gnawed every tree on this bank.",
            "She sat on the bank and dangled her feet in the creek.",
            "The ferry takes you to the opposite bank.",
            "Moss covered the stones of the steep bank.",
            "Frogs jumped off the bank as we passed.",
            "After the rain the bank was slippery, and he fell.",
            "The angler unpacked his net on the bank.",
            "We pitched our tent on the bank and lit a fire.",
            "The Rhine had burst its bank near Cologne.",
            "A kingfisher dug its nest into the bank.",
            "The path follows the bank as far as the mill.",
            "Roots hold the soil of the bank together.",
            "The children threw sticks from the bank and watched them float.",
            "He hauled the net up the bank, dripping wet.",
            "Erosion is eating into the bank year by year.",
            "From the bank we could see down to the gravel.",
            "A crocodile was sunning itself on the bank.",
            "The horse crossed the ford and stumbled up the bank.",
            "The tide leaves the bank bare twice a day.",
            "Dragonflies hovered over the rushes by the bank.",
            "He swam to the other bank and back.",
            "The poplars on the bank were bent by the wind.",
            "The miller's cottage stands high on the bank.",
            "Salmon leapt in the rapids below the bank.",
            "The dog shook itself dry on the bank.",
            "Mist rose from the brook and hid the bank.",
        ),
    },
    "misleading": {
        "money": (
            "The bank by the river lends money.",
            "I rowed across the stream to open an account at the bank.",
            "The bank refused the fisherman a loan.",
            "The boat was paid for by the bank.",
            "Our bank has a picture of a canoe on its credit card.",
            "The flood got into the vault of the bank.",
            "There is no river here, only a bank that lends.",
            "She crossed the bridge over the brook and robbed the bank.",
            "The bank that financed the ferry is on the waterfront.",
            "It was not for the ducks that he went to the bank, but for a mortgage.",
        ),
        "river": (
            "He counted his money on the grassy bank.",
            "They buried the cash in the mud of the bank.",
            "The cashier ate her lunch on the bank, among the reeds.",
            "A purse full of coins lay in the reeds on the bank.",
            "The millionaire moored his yacht at the left bank.",
            "She lost her credit card as she slid down the bank into the water.",
            "It costs a fortune to fish from this bank.",
            "The investor fell off the bank and got wet.",
            "There is no money to be had here, only a muddy bank.",
            "It was not for a loan that he went to the bank, but for the ducks.",
        ),
    },
    "other": {
        "neither": (
            "A bank of clouds hid the sun.",
            "The blood bank needs donors.",
            "A bank of switches covered the wall.",
            "The plane went into a steep bank to the left.",
            "The institute keeps a seed bank in its cellar.",
            "You can bank on me.",
            "Fog lay in a bank over the motorway.",
            "A bank of lifts serves the tower.",
            "The gene bank stores thousands of samples.",
            "The snow had drifted into a bank against the wall.",
            "A bank of lights lit the stage.",
            "She wrote all questions into a question bank.",
        ),
    },
}


def sentences(n: int, split: str = "train", seed: int = 0) -> tuple[list[str], list[str]]:
    """``n`` different sentences of the grammar and their labels, drawn at random: (texts, labels).

    Money and river come equally often (money once more where n is odd).

    split: ``"train"``, or ``"held_out"``: a fifth of all combinations of frame, person and cue,
        which ``train`` never has, though it has their words.
    """
    checks.whole("n", n)
    checks.one_of("split", split, SPLITS)
    checks.whole("seed", seed, minimum=0)
    chance = random.Random(seed)
    drawn = []
    for i, label in enumerate(LABELS):
        pool, n_here = every_sentence(label, split), (n + 1 - i) // 2
        if n_here > len(pool):
            raise ValueError(f"n={n} must be at most {2 * len(pool)}, all sentences of {split!r}")
        drawn += [(text, label) for text in chance.sample(pool, n_here)]
    chance.shuffle(drawn)
    return [text for text, _ in drawn], [label for _, label in drawn]


def every_sentence(label: str, split: str = "train") -> list[str]:
    """All sentences that the grammar has for a label in a split, in a fixed order."""
    checks.one_of("label", label, LABELS)
    checks.one_of("split", split, SPLITS)
    made = []
    for frame, who, cue in product(FRAMES, PEOPLE, CUES[label]):
        digest = hashlib.sha256(f"{frame} {who} {cue}".encode()).digest()
        if (int.from_bytes(digest) % 5 == 0) == (split == "held_out"):
            text = frame.format(who=who, cue=cue)
            made.append(text[0].upper() + text[1:])
    return made


def written(kind: str = "plain") -> tuple[list[str], list[str]]:
    """The sentences that no grammar made, and their labels: (texts, labels).

    kind: ``"plain"``, ``"misleading"``, or ``"other"``, whose label is ``"neither"``.
    """
    checks.one_of("kind", kind, tuple(WRITTEN))
    pairs = [(text, label) for label, texts in WRITTEN[kind].items() for text in texts]
    return [text for text, _ in pairs], [label for _, label in pairs]
