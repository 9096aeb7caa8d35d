"""The book's explorables: live widgets in Jupyter, live figures in the built page."""

from .alibi import Alibi
from .analogy import Analogy
from .attention_by_hand import AttentionByHand
from .attention_dilution import AttentionDilution
from .attention_lens import AttentionLens
from .base import Explorable as Explorable
from .clinic import Clinic
from .descent import Descent
from .fine_tuning import FineTuning
from .generation import Generation
from .layer_heads import LayerHeads
from .logit_lens import LogitLens
from .multi_head import MultiHead
from .next_token import NextToken
from .positions import Positions
from .projection_bench import ProjectionBench
from .residual_stream import ResidualStream
from .rotary import Rotary
from .sampling import Sampling
from .scaling import Scaling
from .softmax_temperature import SoftmaxTemperature
from .training import Training
from .two_sentences import TwoSentences
from .word_in_context import WordInContext

__all__ = [
    "Alibi",
    "Analogy",
    "AttentionByHand",
    "AttentionDilution",
    "AttentionLens",
    "Clinic",
    "Descent",
    "FineTuning",
    "Generation",
    "LayerHeads",
    "LogitLens",
    "MultiHead",
    "NextToken",
    "Positions",
    "ProjectionBench",
    "ResidualStream",
    "Rotary",
    "Sampling",
    "Scaling",
    "SoftmaxTemperature",
    "Training",
    "TwoSentences",
    "WordInContext",
]
