"""How each version of state is made, by the form in which it travels."""

from products_svc import state_v1, state_v2

CLAIMS = {1: state_v1.claims, 2: state_v2.claims}
CODINGS = {"json": CLAIMS, "best": {**CLAIMS, 1: state_v1.packed_claims}}
"""Claims by how ids are listed, and version."""
MESSAGES = {1: state_v1.message, 2: state_v2.message}
MESSAGE_CODINGS = {"json": MESSAGES, "best": {**MESSAGES, 1: state_v1.packed_message}}
"""Messages by how ids are listed, and version."""
LEAVES = {1: state_v1.leaves, 2: state_v2.leaves}
LEAF_FAMILY = "shop.state.v{version}.Grant"
