"""Record what the explorable generation steps through: greedy continuations of its prompts.

    .venv/bin/python scripts/record_generation.py

SmolLM2 continues each prompt by the likeliest token; about ten seconds on two cores. Run it again
when a prompt or the model changes, and commit the file. A test compares it with today's code.
"""

import json

from incontext.explorables import generation
from incontext.generation import generate
from incontext.pretrained import load_decoder

SIZES = ("d_model", "n_heads", "n_kv_heads", "d_ff", "n_layers", "vocab_size")


def recorded(use_cache: bool = True, n_new: int = generation.N_NEW) -> dict:
    decoder, tokenizer = load_decoder("smollm2")
    texts = {}
    for name, prompt in generation.PROMPTS.items():
        ids = tokenizer.encode(prompt)
        longer = generate(decoder, ids, n_new, greedy=True, use_cache=use_cache)
        texts[name] = {"n_prompt": len(ids), "tokens": tokenizer.tokens(longer)}
    sizes = {name: getattr(decoder.config, name) for name in SIZES}
    return {"model": "SmolLM2-135M-Instruct", "sizes": sizes, "texts": texts}


def main() -> None:
    text = json.dumps(recorded(), ensure_ascii=False, indent=1)
    generation.RECORDED.write_text(text + "\n", encoding="utf-8")
    print(f"{generation.RECORDED}: {generation.RECORDED.stat().st_size} bytes")


if __name__ == "__main__":
    main()
