"""The pods of an overlay, as `podman kube play` of Podman 4.3 takes them.

What it lacks is done here, as Kubernetes would: no workloads but pods (one of each, with the name
of its Service, which Podman's name server knows), no `$(VARIABLE)` in arguments, no values of
secrets, no `fsGroup`. What it passes over is taken out: probes, `preStop`, spreading, accounts.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tools.deploy import Resource

NOT_PLAYED: Final = ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle")
INIT_CONTAINERS: Final = "io.podman.annotations.init.container.type"
"""By default they are removed when they end, and their volumes without a name are left."""
Secrets = Mapping[str, Mapping[str, str]]
"""Values by name of the secret and key."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What the manifests leave open, and this machine gives."""

    secrets: Secrets
    image: str
    ports: Mapping[str, int]
    """Those that are published on loopback, by part."""
    prefix: str
    """What the names of volumes begin with, which everybody on the machine shares."""

    def named(self, of: str) -> str:
        """The name of a volume or config map here."""
        return f"{self.prefix}{of}"


def pods(resources: Iterable[Resource], stage: Stage) -> dict[str, Resource]:
    """A pod for each workload, by name."""
    templates = {
        each["metadata"]["name"]: each["spec"]
        for each in resources
        if each["kind"] in {"Deployment", "StatefulSet"}
    }
    return {name: _pod(name, each, stage) for name, each in templates.items()}


def config_maps(resources: Iterable[Resource], stage: Stage) -> list[Resource]:
    """The config maps of the overlay, and the secrets as such."""
    written = {
        each["metadata"]["name"]: each["data"] for each in resources if each["kind"] == "ConfigMap"
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": stage.named(name)},
            "data": dict(data),
        }
        for name, data in {**written, **stage.secrets}.items()
    ]


def owned_volumes(pod: Resource) -> dict[str, int]:
    """The volumes that a pod writes to, and the group that they belong to."""
    volumes = pod["spec"]["volumes"]
    claims = [each["persistentVolumeClaim"] for each in volumes if "persistentVolumeClaim" in each]
    return {each["claimName"]: pod["spec"]["securityContext"]["fsGroup"] for each in claims}


def map_volumes(pod: Resource) -> set[str]:
    """The volumes that Podman makes of config maps, by their names."""
    volumes = pod["spec"]["volumes"]
    return {each["configMap"]["name"] for each in volumes if "configMap" in each}


def _pod(name: str, workload: Resource, stage: Stage) -> Resource:
    spec = dict(workload["template"]["spec"])
    claimed = [each["metadata"]["name"] for each in workload.get("volumeClaimTemplates", ())]
    own = stage.named(f"{name}-")
    volumes = [_volume(own, each, stage) for each in spec.get("volumes", ())]
    volumes += [_claim(own, each) for each in claimed]
    made: Resource = {
        # As always, but for the init container: Podman would start that again when it is done.
        "restartPolicy": "OnFailure",
        "securityContext": spec["securityContext"],
        "volumes": volumes,
        "containers": [_container(each, stage, stage.ports) for each in spec["containers"]],
    }
    if "initContainers" in spec:
        first = [_container(each, stage, {}) for each in spec["initContainers"]]
        made["initContainers"] = first
    metadata = {"name": name, "annotations": {INIT_CONTAINERS: "always"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": made}


def _volume(own: str, volume: Resource, stage: Stage) -> Resource:
    name = volume["name"]
    if "emptyDir" in volume:
        return _claim(own, name)
    if "secret" in volume:
        return _mounted(name, volume["secret"]["secretName"], stage)
    return _mounted(name, volume["configMap"]["name"], stage)


def _mounted(name: str, config_map: str, stage: Stage) -> Resource:
    return {"name": name, "configMap": {"name": stage.named(config_map)}}


def _claim(own: str, name: str) -> Resource:
    return {"name": name, "persistentVolumeClaim": {"claimName": f"{own}{name}"}}


def _container(container: Resource, stage: Stage, ports: Mapping[str, int]) -> Resource:
    made = {key: value for key, value in container.items() if key not in NOT_PLAYED}
    values: dict[str, str] = {}
    for each in container.get("env", ()):
        values[each["name"]] = _expanded(_value(each, stage.secrets), values)
    made["env"] = [{"name": name, "value": value} for name, value in values.items()]
    if "envFrom" in made:
        references = [each["configMapRef"]["name"] for each in made["envFrom"]]
        made["envFrom"] = [{"configMapRef": {"name": stage.named(each)}} for each in references]
    if "args" in made:
        made["args"] = [_expanded(word, values) for word in made["args"]]
    if made["image"].startswith("waybill:"):
        made["image"] = stage.image
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
