"""The grammar of relations: its sentences are what they say, and hits are counted word by word."""

import pytest
import torch
from naive import normal

from incontext import relations
from incontext.pretrained import decoder_to_read, load_encoder
from incontext.relations import ADJECTIVES, GRAMMARS, NOUNS, Pair, best_offset, hits, pairs, places

PLURAL = {*NOUNS.values()}


def words(relation, seed=0, n=200):
    return [
        (p, p.words[p.earlier].lower(), p.words[p.later].lower()) for p in pairs(relation, n, seed)
    ]


def nouns_in(pair):
    return [word.lower() for word in pair.words if word.lower() in {*NOUNS, *PLURAL}]


@pytest.mark.parametrize("relation", GRAMMARS)
def test_same_seed_same_sentences_and_the_pair_is_in_order(relation):
    assert pairs(relation, 20, 3) == pairs(relation, 20, 3) != pairs(relation, 20, 4)
    assert all(0 <= pair.earlier < pair.later < len(pair.words) for pair in pairs(relation, 99))
    assert best_offset(pairs(relation, 200)) < 0.55  # no distance is a recipe


@pytest.mark.parametrize("same", [False, True])
def test_the_verb_agrees_with_its_subject_and_the_attractor_as_asked(same):
    starts = set()
    for pair, subject, verb in words("subject and verb" + (", same number" if same else "")):
        assert (verb == "were") == (subject in PLURAL)
        (other,) = [noun for noun in nouns_in(pair) if noun != subject]
        assert ((other in PLURAL) == (subject in PLURAL)) == same
        starts.add(pair.words[0])
    assert starts == {"The", "Near"}


def test_adjectives_and_determiners_stand_in_one_phrase_with_their_noun():
    for pair, adjective, noun in words("adjective and noun"):
        between = pair.words[pair.earlier : pair.later]
        assert adjective in ADJECTIVES and noun in NOUNS and {*between} <= {*ADJECTIVES}
        assert pair.words[pair.earlier - 1].lower() in ("the", "a")
    for pair, determiner, noun in words("determiner and noun"):
        between = pair.words[pair.earlier + 1 : pair.later]
        assert determiner in ("the", "a") and noun in NOUNS and {*between} <= {*ADJECTIVES}


def test_the_cue_is_one_of_two_things_in_either_order():
    first = set()
    for pair, cue, bank in words("cue and bank"):
        assert cue in relations.CUES and bank == "bank"
        first.add(next(w for w in pair.words if w in {*relations.CUES, *relations.OTHERS}) == cue)
    assert first == {True, False}
    assert {cue for _, cue, _ in words("cue and bank, new words")} == {*relations.NEW_CUES}
    assert not {*relations.CUES, *relations.OTHERS} & {*relations.NEW_CUES, *relations.NEW_OTHERS}
    doors = pairs("cue and door", 50, 1)
    banks = pairs("cue and bank", 50, 1)
    assert [p.text for p in doors] == [p.text.replace("bank", "door") for p in banks]


def test_brackets_match_and_both_depths_are_asked():
    depths = set()
    for pair, opener, closer in words("opener and closer"):
        assert opener + closer in ("()", "[]")
        depth = 0
        for word in pair.words[: pair.earlier]:
            depth += word in "(["
        depths.add(depth)
        inside = pair.words[pair.earlier + 1 : pair.later]
        assert sum(w in "([" for w in inside) == sum(w in ")]" for w in inside)
    assert depths == {0, 1}


@pytest.mark.parametrize("load", [load_encoder, decoder_to_read])
def test_places_are_those_of_the_words(load):
    tokenizer = load()[1]
    for relation in GRAMMARS:
        for pair in pairs(relation, 10):
            tokens = tokenizer.tokens(tokenizer.encode(pair.text))
            found = [tokens[i].strip().removeprefix("##") for i in places(tokenizer, pair)]
            for word, token in zip(pair.words, found, strict=True):
                assert word.lower().endswith(token.lower())


def test_hits_are_counted_among_words_without_marks_and_without_oneself():
    tokenizer = load_encoder()[1]
    examples = [Pair(("The", "old", "dog", "."), 1, 2), Pair(("A", "cat", "."), 0, 1)]
    n = 6  # [CLS] the old dog . [SEP]
    weights = normal(2, 3, n, n).softmax(-1)
    weights[:, :, :, 0] += 5  # no mark is ever counted
    weights[:, :, range(n), range(n)] += 5  # and no word for itself
    for forward in (False, True):
        found = hits([weights], tokenizer, examples, forward=forward)
        for b, pair in enumerate(examples):
            asked, wanted = (pair.earlier, pair.later)[:: 1 if forward else -1]
            for head in range(3):
                row = {
                    s: float(weights[b, head, asked + 1, s + 1])
                    for s in range(len(pair.words))
                    if s != asked
                }
                assert bool(found[b, 0, head]) == (max(row, key=row.get) == wanted)


def test_pronouns_and_senses_have_their_words_once():
    tokenizer = load_encoder()[1]
    for marked, *endings in relations.IT_PAIRS + relations.NEW_IT_PAIRS + relations.HE_SHE_PAIRS:
        nouns = [w.strip("*").lower() for w in marked.split() if w.startswith("*")]
        assert len(nouns) == 2 and len(endings) == 2
        for ending in endings:
            text = marked.replace("*", "").format(ending)
            tokens = tokenizer.tokens(tokenizer.encode(text))
            assert all(tokens.count(noun) == 1 for noun in nouns), text
    for word, eight in relations.SENSES.items():
        for text in eight:
            assert tokenizer.tokens(tokenizer.encode(text)).count(word) == 1


@pytest.mark.bad_input
def test_bad_input_is_named():
    with pytest.raises(ValueError, match="relation='subject' must be one of 'subject and verb'"):
        pairs("subject")
    with pytest.raises(ValueError, match="n=0 must be at least 1"):
        pairs("subject and verb", 0)
    with pytest.raises(ValueError, match="examples must be as many as texts"):
        hits([torch.full((1, 1, 3, 3), 1 / 3)], load_encoder()[1], [])
    with pytest.raises(ValueError, match="attentions must reach to the last word"):
        hits([torch.full((1, 1, 3, 3), 1 / 3)], load_encoder()[1], pairs("cue and bank", 1))
