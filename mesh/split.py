"""The traffic split at the edge, and how its weights change while it runs.

For each call Envoy looks the weights up in its runtime, under `PREFIX` and the name of each orders
service (`runtime_key_prefix` in `service/edge.yaml.j2`); what its configuration says counts until
then. All values of one `runtime_modify` come into force together, so no call is sent by the old
weight of one service and the new weight of another. An edge that starts anew has forgotten them.

https://www.envoyproxy.io/docs/envoy/v1.40.0/operations/admin#post--runtime_modify
"""

import urllib.request
from collections.abc import Mapping
from urllib.error import URLError
from urllib.parse import urlencode

from mesh.hop import Address, HopFailed

PREFIX = "orders_split"
ANSWER_S = 5.0


def weights_url(admin: Address, weights: Mapping[str, int]) -> str:
    """What to POST to at the edge's admin address, so that `weights` count. By service's name."""
    values = {f"{PREFIX}.{name}": str(weight) for name, weight in weights.items()}
    return f"http://{admin}/runtime_modify?{urlencode(values)}"


def shift(admin: Address, weights: Mapping[str, int]) -> None:
    """Let `weights` count for the calls that come from now on; those under way are left alone.

    Raises:
        ValueError: a weight is negative, or all are 0.
        HopFailed: the edge did not take them.
    """
    if min(weights.values()) < 0 or not any(weights.values()):
        raise ValueError(f"weights are 0 or more, and one of them is more: {dict(weights)}")
    request = urllib.request.Request(weights_url(admin, weights), method="POST")  # noqa: S310 -- http
    try:
        urllib.request.urlopen(request, timeout=ANSWER_S).close()  # noqa: S310 -- http
    except URLError as error:
        raise HopFailed(f"the edge did not take new weights: {error}") from error
