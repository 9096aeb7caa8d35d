"""LaTeX to MathML Core, the part of MathML that browsers draw. `math-core` does the translation."""

import html

from math_core import LatexError, LatexToMathML

CONVERTER = LatexToMathML(fancy_error=False)


class Untranslatable(ValueError):
    """LaTeX that has no MathML here."""


def to_mathml(latex: str, display: bool = False) -> str:
    r"""One formula as a `<math>` element of HTML.

    Args:
        latex: what stands between the dollars. Lines divided by `\\` without an environment are
            aligned at `&`.
        display: a formula on its own line.
    Raises:
        Untranslatable: says what is unknown or missing, and where in the formula.
    """
    # align* takes the page's width, for numbers at its side; aligned takes its own, and may scroll.
    source = latex.strip().replace("{align*}", "{aligned}")
    if r"\\" in source and r"\begin" not in source:
        source = rf"\begin{{aligned}}{source}\end{{aligned}}"
    try:
        mathml = CONVERTER.convert_with_local_state(source, displaystyle=display)
    except LatexError as error:
        raise Untranslatable(str(error)) from error
    return mathml.replace("<math", f'<math alttext="{html.escape(latex.strip())}"', 1)
