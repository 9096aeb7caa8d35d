"""Predict, then see: the reader commits an answer, and the page replies in place.

A prediction is a question with an answer that the chapter computes. It is a live widget in Jupyter
and a form in the built page, by the same front end (js/prediction.js) and with no kernel; without
JavaScript and in print it is the question with its answer folded away. A wrong answer that has a
known cause gets that cause as its reply.

Texts may use ``*emphasis*``, ```` `code` ```` and ``$formulas$``.
"""

import html
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, SupportsFloat

import anywidget
from traitlets import Dict

from incontext._mathml import to_mathml
from incontext.explorables.base import STATIC, front_end

MARKUP = re.compile(r"\$(?P<math>[^$]+)\$|`(?P<code>[^`]+)`|\*(?P<em>[^*]+)\*")


class Prediction(anywidget.AnyWidget):
    """One question. Made by `number` and `choice`, or loaded by `load`."""

    name: ClassVar[str] = "prediction"
    spec = Dict().tag(sync=True)

    _esm = front_end("prediction", "prediction.js")
    _css = (STATIC / "prediction.css").read_text(encoding="utf-8")

    def to_html(self) -> str:
        """The form-to-be of the built page: the question, and the answer in a `<details>`."""
        state = json.dumps(self.spec, separators=(",", ":")).replace("</", "<\\/")
        labels = [f"<li>{option['label']}</li>" for option in self.spec.get("options", [])]
        options = f"<ul>{''.join(labels)}</ul>" if labels else ""
        return (
            f'<div class="prediction" data-prediction="{self.spec["kind"]}" role="group"'
            ' aria-label="Predict">\n'
            f'<script type="application/json" class="prediction-state">{state}</script>\n'
            '<div class="prediction-static"><p class="prediction-title">Predict</p>'
            f"<p>{self.spec['question']}</p>{options}"
            f"<details><summary>Answer</summary><p>{self.spec['answer']}</p></details></div>\n"
            "</div>"
        )

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "text/plain": "Predict", "text/html": self.to_html()}, metadata


def number(
    question: str,
    *,
    answer: SupportsFloat,
    within: SupportsFloat,
    because: str,
    misconceptions: Sequence[tuple[SupportsFloat, str]],
    shown: str = ".3g",
    unit: str = "",
) -> Prediction:
    """A question whose answer is a number.

    Args:
        answer: what the package computes; a number or a tensor with one element.
        within: the largest error that counts as right, > 0.
        because: the explanation, shown with the answer.
        misconceptions: what one gets by a likely mistake, and the words that name it. Each lies
            further than `within` from the answer.
        shown: the format in which the answer is shown.
        unit: written after the answer.
    """
    answer, within = _real("answer", answer), _real("within", within)
    if within <= 0:
        raise ValueError(f"within={within} must be > 0")
    known = []
    for value, reply in misconceptions:
        value = _real("misconceptions", value)
        if abs(value - answer) <= within:
            raise ValueError(
                f"misconceptions: {value:g} lies within {within:g} of the answer {answer:g}"
            )
        known.append({"value": value, "reply": _to_html("misconceptions", reply)})
    text = f"{answer:{shown}}".replace("-", "−") + (f" {unit}" if unit else "")
    return Prediction(
        spec={
            "kind": "number",
            "question": _to_html("question", question),
            "value": answer,
            "within": within,
            "unit": unit,
            "answer": f"<strong>{html.escape(text)}.</strong> {_to_html('because', because)}",
            "misconceptions": known,
        }
    )


def choice(question: str, options: Sequence[tuple[str, object, str]]) -> Prediction:
    """A question with answers to choose from.

    Args:
        options: for each its label, whether it is right (a bool or a tensor with one; exactly one
            is) and the reply: the explanation for the right one, the likely misconception for each
            other.
    """
    right = [i for i, (_, is_right, _) in enumerate(options) if bool(is_right)]
    if len(options) < 2 or len(right) != 1:
        raise ValueError(f"options: {len(right)} of {len(options)} are right, and 1 must be")
    made = [
        {"label": _to_html("options", label), "reply": _to_html("options", reply)}
        for label, _, reply in options
    ]
    chosen = made[right[0]]
    return Prediction(
        spec={
            "kind": "choice",
            "question": _to_html("question", question),
            "options": made,
            "right": right[0],
            "answer": f"<strong>{chosen['label']}.</strong> {chosen['reply']}",
        }
    )


def load(chapter: str, name: str) -> Prediction:
    """A prediction of a chapter, from the file that lies beside the learner's notebook.

    Args:
        chapter: the file name of the chapter without extension.
        name: of the prediction, the first words of its question joined by hyphens.
    """
    path = Path(f"{chapter}.predictions.json")
    if not path.exists():
        raise FileNotFoundError(
            f"{path} must lie beside the notebook, in {path.absolute().parent}. The book's zip of"
            " notebooks has it."
        )
    specs = json.loads(path.read_text(encoding="utf-8"))
    if name not in specs:
        raise ValueError(f"name={name!r} is no prediction of {chapter}: {', '.join(specs)}")
    return Prediction(spec=specs[name])


def _real(name: str, value) -> float:
    try:
        value = float(value)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{name} must be a number, got {value!r}") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    return value


def _to_html(name: str, text: str) -> str:
    """The text as HTML; what is not markup is escaped."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{name} must be text, got {text!r}")
    parts, end = [], 0
    for found in MARKUP.finditer(text):
        parts.append(html.escape(text[end : found.start()], quote=False))
        end = found.end()
        if found["math"]:
            parts.append(to_mathml(found["math"]))
        elif found["code"]:
            parts.append(f"<code>{html.escape(found['code'], quote=False)}</code>")
        else:
            parts.append(f"<em>{html.escape(found['em'], quote=False)}</em>")
    return "".join([*parts, html.escape(text[end:], quote=False)]).strip()
