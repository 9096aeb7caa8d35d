"""Record what the explorable next-token lets a reader read: whole continuations of its prompts.

    .venv/bin/python scripts/record_continuations.py

SmolLM2 continues each prompt at five temperatures with three seeds and nothing cut; about five
minutes on two cores. Run it again when a prompt, a temperature or the model changes, and commit the
file. A test regenerates some and compares the tokens.
"""

import json

from incontext.explorables import next_token
from incontext.pretrained import load_decoder


def main() -> None:
    decoder, tokenizer = load_decoder("smollm2")
    continuations = {}
    for prompt in next_token.PROMPTS:
        continuations[prompt] = [
            [
                next_token.continuation(decoder, tokenizer, prompt, temperature, seed)
                for seed in next_token.SEEDS
            ]
            for temperature in next_token.RECORDED_AT
        ]
        print(tokenizer.decode(continuations[prompt][0][0]), flush=True)
    next_token.RECORDED.write_text(as_json(continuations), encoding="utf-8")
    print(f"{next_token.RECORDED}: {next_token.RECORDED.stat().st_size} bytes")


def as_json(continuations: dict) -> str:
    """A line for each prompt, so that a change is a line in a diff."""
    about = {
        "model": "SmolLM2-135M-Instruct",
        "temperatures": next_token.RECORDED_AT,
        "seeds": next_token.SEEDS,
        "n_new": next_token.N_NEW,
    }
    head = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in about.items())
    lines = ",\n".join(
        f"{json.dumps(prompt)}: {json.dumps(ids, separators=(',', ':'))}"
        for prompt, ids in continuations.items()
    )
    return f'{{\n{head},\n"continuations": {{\n{lines}\n}}\n}}\n'


if __name__ == "__main__":
    main()
