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
from waybill.strategy import Strategy

CARRIERS: Final[Mapping[Strategy, Carrier]] = {
    Strategy.METADATA_JWT: MetadataJwtCarrier(),
    Strategy.MESSAGE_FIELD: MessageFieldCarrier(),
    Strategy.REPLICA: ReplicaCarrier(),
    Strategy.DIRECT_CALL: DirectCallCarrier(),
    Strategy.PAGE_PROOF: PageProofCarrier(),
    Strategy.REFERENCE: ReferenceCarrier(),
}
