"""The pods of an overlay, as `podman kube play` of Podman 4.3 takes them.

What it lacks is done here, as Kubernetes would: no workloads but pods (one of each, with the name
of its Service, which Podman's name server knows), no `$(VARIABLE)` in arguments, no values of
secrets, no `fsGroup`. What it passes over is taken out: probes, `preStop`, spreading, accounts.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tools.deploy import Resource

NOT_PLAYED: Final = ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle")
INIT_CONTAINERS: Final = "io.podman.annotations.init.container.type"
"""By default they are removed when they end, and their volumes without a name are left."""
Secrets = Mapping[str, Mapping[str, str]]
"""Values by name of the secret and key."""


def pods(
    resources: Iterable[Resource], secrets: Secrets, image: str, ports: Mapping[str, int]
) -> dict[str, Resource]:
    """A pod for each workload, by name; `ports` are published on loopback."""
    templates = {
        each["metadata"]["name"]: each["spec"]
        for each in resources
        if each["kind"] in {"Deployment", "StatefulSet"}
    }
    return {name: _pod(name, each, secrets, image, ports) for name, each in templates.items()}


def config_maps(resources: Iterable[Resource], more: Secrets) -> list[Resource]:
    """The config maps of the overlay, and others."""
    added = [_config_map(name, dict(data)) for name, data in more.items()]
    return [each for each in resources if each["kind"] == "ConfigMap"] + added


def owned_volumes(pod: Resource) -> dict[str, int]:
    """The volumes that a pod writes to, and the group that they belong to."""
    volumes = pod["spec"]["volumes"]
    claims = [each["persistentVolumeClaim"] for each in volumes if "persistentVolumeClaim" in each]
    return {each["claimName"]: pod["spec"]["securityContext"]["fsGroup"] for each in claims}


def map_volumes(pod: Resource) -> set[str]:
    """The volumes that Podman makes of config maps, by their names."""
    volumes = pod["spec"]["volumes"]
    return {each["configMap"]["name"] for each in volumes if "configMap" in each}


def _pod(
    name: str, workload: Resource, secrets: Secrets, image: str, ports: Mapping[str, int]
) -> Resource:
    spec = dict(workload["template"]["spec"])
    claimed = [each["metadata"]["name"] for each in workload.get("volumeClaimTemplates", ())]
    volumes = [_volume(name, each) for each in spec.get("volumes", ())]
    volumes += [_claim(name, each) for each in claimed]
    made: Resource = {
        # As always, but for the init container: Podman would start that again when it is done.
        "restartPolicy": "OnFailure",
        "securityContext": spec["securityContext"],
        "volumes": volumes,
        "containers": [_container(each, secrets, image, ports) for each in spec["containers"]],
    }
    if "initContainers" in spec:
        first = [_container(each, secrets, image, {}) for each in spec["initContainers"]]
        made["initContainers"] = first
    metadata = {"name": name, "annotations": {INIT_CONTAINERS: "always"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": made}


def _volume(pod: str, volume: Resource) -> Resource:
    if "secret" in volume:
        return {"name": volume["name"], "configMap": {"name": volume["secret"]["secretName"]}}
    return _claim(pod, volume["name"]) if "emptyDir" in volume else volume


def _claim(pod: str, name: str) -> Resource:
    return {"name": name, "persistentVolumeClaim": {"claimName": f"{pod}-{name}"}}


def _container(
    container: Resource, secrets: Secrets, image: str, ports: Mapping[str, int]
) -> Resource:
    made = {key: value for key, value in container.items() if key not in NOT_PLAYED}
    values: dict[str, str] = {}
    for each in container.get("env", ()):
        values[each["name"]] = _expanded(_value(each, secrets), values)
    made["env"] = [{"name": name, "value": value} for name, value in values.items()]
    if "args" in made:
        made["args"] = [_expanded(word, values) for word in made["args"]]
    if made["image"].startswith("waybill:"):
        made["image"] = image
    made["imagePullPolicy"] = "Never"
    published = [each for each in made.pop("ports", ()) if each["containerPort"] in ports.values()]
    made["ports"] = [
        each | {"hostIP": "127.0.0.1", "hostPort": each["containerPort"]} for each in published
    ]
    return made


def _value(variable: Resource, secrets: Secrets) -> str:
    if "valueFrom" not in variable:
        return str(variable["value"])
    reference = variable["valueFrom"]["secretKeyRef"]
    return secrets[reference["name"]][reference["key"]]


def _expanded(text: str, values: Mapping[str, str]) -> str:
    """A text with `$(NAME)` replaced, as Kubernetes does it."""
    return re.sub(r"\$\((\w+)\)", lambda found: values.get(found[1], found[0]), text)


def _config_map(name: str, data: dict[str, Any]) -> Resource:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
