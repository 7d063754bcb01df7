"""The systems that can complete a skull: each a file that proposes, and a line here."""

from dataclasses import dataclass

from cranial_sparse.classical import consensus, mirror, radial, radial_model, ssm, ssm_model
from cranial_sparse.classical.tps import completer as tps
from cranial_sparse.completion.completer import Completer


@dataclass(frozen=True)
class System:
    """A completer, ready to be called with a skull, and the files in cranial_sparse/assets that it loads.

    ``revision`` counts up with any change to what the code completes: figures of an earlier one are measured again.
    """

    completer: Completer
    weights: tuple[str, ...]
    revision: int = 1


RADIAL = (radial_model.WEIGHTS, radial_model.ALIGNED_WEIGHTS)

SYSTEMS = {
    "radial": System(radial.radial_completer, RADIAL, revision=9),
    "ssm": System(ssm.ssm_completer, (radial_model.WEIGHTS, ssm_model.WEIGHTS)),
    "tps": System(tps.tps_completer, (radial_model.WEIGHTS,), revision=5),
    "consensus": System(consensus.consensus_completer, RADIAL, revision=11),
    "mirror": System(mirror.mirror_completer, (radial_model.WEIGHTS,), revision=3),
}
