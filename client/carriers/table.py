"""The carrier of each strategy."""

from collections.abc import Mapping
from typing import Final

from client.carriers.base import Carrier
from client.carriers.direct_call import DirectCallCarrier
from client.carriers.message_field import MessageFieldCarrier
from client.carriers.metadata_jwt import MetadataJwtCarrier
from client.carriers.page_proof import PageProofCarrier
from client.carriers.reference import ReferenceCarrier
from client.carriers.replica import ReplicaCarrier
from waybill.budget import DEFAULT_PATH, Budget, PathBudget
from waybill.strategy import Strategy


def carriers(budget: Budget) -> Mapping[Strategy, Carrier]:
    """The carriers of orders that take a path with this budget for state in metadata."""
    return {
        Strategy.METADATA_JWT: MetadataJwtCarrier(),
        Strategy.MESSAGE_FIELD: MessageFieldCarrier(),
        Strategy.REPLICA: ReplicaCarrier(),
        Strategy.DIRECT_CALL: DirectCallCarrier(),
        Strategy.PAGE_PROOF: PageProofCarrier(budget),
        Strategy.REFERENCE: ReferenceCarrier(),
    }


CARRIERS: Final = carriers(PathBudget(DEFAULT_PATH))
"""Those of the default path."""
