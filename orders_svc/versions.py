"""How each version of carried state is read, by the form in which it travels."""

from orders_svc import state_v1, state_v2

CLAIM_DECODERS = {1: state_v1.from_claims, 2: state_v2.from_claims}
MESSAGE_DECODERS = {1: state_v1.from_message, 2: state_v2.from_message}
LEAF_DECODERS = {1: state_v1.from_leaf, 2: state_v2.from_leaf}
STATE_FAMILY = "shop.state.v{version}.AccessState"
LEAF_FAMILY = "shop.state.v{version}.Grant"
