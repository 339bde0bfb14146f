"""The contracts of the parts as functions, so that yours are held to what ours are: `check_domain(DOMAIN)`.

Each check raises ContractBroken at the first promise that is not kept, and says which. Knows no part by name.
"""

from metier.testing.base import ContractBroken
from metier.testing.calibrators import check_calibrator
from metier.testing.domains import check_domain
from metier.testing.encoders import check_encoder
from metier.testing.heads import check_head
from metier.testing.tasks import check_task

__all__ = ["ContractBroken", "check_calibrator", "check_domain", "check_encoder", "check_head", "check_task"]
