"""How long a Myriad X will take for a blob: an estimate, with its error. No stick is needed, and none was there to try it."""

from .constants import FITTED, Constants, Fit
from .effort import Effort, effort
from .estimate import Cost, StageCost, estimate

__all__ = ["FITTED", "Constants", "Cost", "Effort", "Fit", "StageCost", "effort", "estimate"]
