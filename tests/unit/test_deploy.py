"""The manifests are what Kubernetes takes, and what the services and a careful cluster expect.

`make deploy-check` does more: it also checks custom resources and lints image and compose files.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from orders_svc.settings import Settings as OrdersSettings
from products_svc.settings import Settings as ProductsSettings
from tools import playable
from tools.deploy import DEPLOY, ROOT, Resource, is_custom, overlays, problems, rendered
from waybill.serving.settings import ServingSettings, unknown_variables

SETTINGS: dict[str, type[ServingSettings]] = {
    "products": ProductsSettings,
    "orders": OrdersSettings,
}
WORKLOADS = {"Deployment", "StatefulSet"}
VOLUME_SOURCES = {
    "configMap": ("ConfigMap", "name"),
    "secret": ("Secret", "secretName"),
    "persistentVolumeClaim": ("PersistentVolumeClaim", "claimName"),
}


class Secrets(dict[str, str]):
    """Any value that is asked for; remembers which."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def __missing__(self, key: str) -> str:
        self.asked.add(key)
        return f"hush {key}"


by_overlay = pytest.mark.parametrize("overlay", overlays())


@cache
def resources(overlay: str) -> list[Resource]:
    return rendered(overlay)


def of_kind(overlay: str, *kinds: str) -> list[Resource]:
    return [each for each in resources(overlay) if each["kind"] in kinds]


def pods(overlay: str) -> dict[str, Resource]:
    """The pod templates by name of their workload."""
    return {
        each["metadata"]["name"]: each["spec"]["template"] for each in of_kind(overlay, *WORKLOADS)
    }


def containers(overlay: str) -> Iterator[tuple[str, Resource]]:
    for name, pod in pods(overlay).items():
        for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
            yield f"{name}/{container['name']}", container


@by_overlay
def test_kubernetes_knows_all_that_is_in_it(overlay: str) -> None:
    assert list(problems(resources(overlay))) == []


def test_a_field_that_kubernetes_does_not_know_is_a_problem() -> None:
    scaler = of_kind("full", "HorizontalPodAutoscaler")[0]
    broken = json.loads(json.dumps(scaler))
    broken["spec"]["maxReplicaz"] = broken["spec"].pop("maxReplicas")

    assert any("maxReplicas" in problem for problem in problems([broken]))


@by_overlay
def test_every_pod_runs_without_privileges(overlay: str) -> None:
    for pod in pods(overlay).values():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
    for name, container in containers(overlay):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name


@by_overlay
def test_every_image_has_a_tag_that_stays(overlay: str) -> None:
    for name, container in containers(overlay):
        tag = container["image"].rpartition(":")[2]
        assert tag not in {container["image"], "latest"}, name


@by_overlay
def test_services_are_probed_limited_and_drained(overlay: str) -> None:
    for name, container in containers(overlay):
        if name in {"products/products", "orders/orders"}:
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
            assert container["resources"]["limits"].keys() == {"memory"}
    for name in SETTINGS:
        grace_s = pods(overlay)[name]["spec"]["terminationGracePeriodSeconds"]
        drain_s = SETTINGS[name].model_fields["drain_s"].default
        assert grace_s > drain_s + 5


@by_overlay
def test_variables_are_settings_and_no_service_link_adds_others(overlay: str) -> None:
    for name, settings in SETTINGS.items():
        pod = pods(overlay)[name]["spec"]
        assert pod["enableServiceLinks"] is False
        given = variables(overlay, pod["containers"][0])
        assert unknown_variables(settings, given) == []
        assert given, "a service without settings would listen on loopback"


@by_overlay
def test_what_is_mounted_is_there_or_named_in_the_docs(overlay: str) -> None:
    made = {(each["kind"], each["metadata"]["name"]) for each in resources(overlay)}
    documented = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    for kind, name in sorted(references(overlay)):
        assert (kind, name) in made or f"`{name}`" in documented, f"{kind} {name}"


@by_overlay
def test_every_pod_is_closed_to_all_but_what_a_policy_names(overlay: str) -> None:
    policies = of_kind(overlay, "NetworkPolicy")
    closed = [each for each in policies if each["spec"]["podSelector"] == {}]
    assert any(each["spec"]["policyTypes"] == ["Ingress", "Egress"] for each in closed)
    for name, pod in pods(overlay).items():
        labels = pod["metadata"]["labels"]
        assert any(
            "Ingress" in each["spec"]["policyTypes"]
            and selects(each["spec"]["podSelector"], labels)
            for each in policies
            if each not in closed
        ), f"nobody may call {name}"


@by_overlay
def test_selectors_find_their_pods(overlay: str) -> None:
    labels = [pod["metadata"]["labels"] for pod in pods(overlay).values()]
    for service in of_kind(overlay, "Service"):
        assert any(service["spec"]["selector"].items() <= each.items() for each in labels)
    for budget in of_kind(overlay, "PodDisruptionBudget"):
        assert any(selects(budget["spec"]["selector"], each) for each in labels)
    workloads = {each["metadata"]["name"] for each in of_kind(overlay, *WORKLOADS)}
    for scaler in of_kind(overlay, "HorizontalPodAutoscaler"):
        assert scaler["spec"]["scaleTargetRef"]["name"] in workloads


def test_one_machine_writes_sqlite() -> None:
    for each in of_kind("embedded", "Deployment"):
        assert each["spec"]["replicas"] == 1
        assert each["spec"]["strategy"] == {"type": "Recreate"}


def test_methods_for_services_have_no_route_from_outside() -> None:
    routes = [each for each in of_kind("full", "GRPCRoute") if is_custom(each)]
    methods = {
        (match["method"]["service"], match["method"].get("method"))
        for route in routes
        for rule in route["spec"]["rules"]
        for match in rule["matches"]
    }
    assert ("shop.products.v1.ProductsService", "ListProducts") in methods
    assert not {name for service, name in methods if service.endswith("ProductsService")} & {
        None,
        "CheckAccess",
        "WatchAccess",
    }


def test_compose_sets_what_the_services_know() -> None:
    for path in sorted(DEPLOY.glob("compose*.yaml")):
        services = yaml.safe_load(path.read_text("utf-8"))["services"]
        for name, settings in SETTINGS.items():
            assert unknown_variables(settings, services[name]["environment"]) == []


def test_what_podman_plays_is_what_stands_there() -> None:
    values = Secrets()
    stage = playable.Stage({"engines": values}, "an-image", {"products": 50051}, "mine-")
    played = playable.pods(resources("full"), stage)
    assert played.keys() == pods("full").keys()
    text = json.dumps(played)
    assert "$(" not in text
    assert "secretKeyRef" not in text
    assert all(f"hush {key}" in text for key in values.asked)
    valkey = played["valkey"]["spec"]["containers"][0]
    assert ">hush valkey-orders-password" in valkey["args"]
    assert valkey["securityContext"]["readOnlyRootFilesystem"] is True
    products = played["products"]["spec"]
    assert [each["image"] for each in products["initContainers"]] == ["an-image"]
    assert products["containers"][0]["ports"][0]["hostIP"] == "127.0.0.1"
    assert playable.owned_volumes(played["nats"]) == {"mine-nats-data": 1000}
    maps = {each["metadata"]["name"] for each in playable.config_maps(resources("full"), stage)}
    [settings] = products["containers"][0]["envFrom"]
    assert settings["configMapRef"]["name"] in maps
    assert all(each.startswith("mine-") for each in maps)
    mounted = set[str]().union(*map(playable.map_volumes, played.values()))
    given = {"user-keys", "orders-service-token", "products-signing-keys"}
    assert mounted - maps == {f"mine-{each}" for each in given}


def test_compose_waits_for_the_database() -> None:
    """By TCP: while its scripts run, PostgreSQL listens on its socket only."""
    services = yaml.safe_load((DEPLOY / "compose.engines.yaml").read_text("utf-8"))["services"]
    assert {"pg_isready", "--host=127.0.0.1"} <= set(services["postgresql"]["healthcheck"]["test"])
    for name in ("products", "orders"):
        assert services[name]["depends_on"]["postgresql"] == {"condition": "service_healthy"}


def test_compose_and_kubernetes_give_the_same_rights() -> None:
    services = yaml.safe_load((DEPLOY / "compose.engines.yaml").read_text("utf-8"))["services"]
    deployed = pods("full")["valkey"]["spec"]["containers"][0]["args"]
    assert _without_passwords(services["valkey"]["command"]) == _without_passwords(deployed)


def _without_passwords(words: list[str]) -> list[str]:
    return [">" if word.startswith(">") else word for word in words]


def test_compose_gives_containers_no_more_than_they_need() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    for name, service in services.items():
        assert service["init"] is True, name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
    for name, settings in SETTINGS.items():
        grace_s = int(services[name]["stop_grace_period"].removesuffix("s"))
        assert grace_s > settings.model_fields["drain_s"].default + 5


def test_the_dockerfile_passes_its_linter() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    linted = subprocess.run(
        [hadolint, DEPLOY / "Dockerfile"], check=False, capture_output=True, text=True
    )
    assert (linted.returncode, linted.stdout) == (0, "")


def variables(overlay: str, container: Resource) -> dict[str, Any]:
    """All environment variables of a container; values from secrets are left open."""
    maps = {each["metadata"]["name"]: each["data"] for each in of_kind(overlay, "ConfigMap")}
    given: dict[str, Any] = {}
    for source in container.get("envFrom", ()):
        given |= maps[source["configMapRef"]["name"]]
    return given | {each["name"]: each.get("value") for each in container.get("env", ())}


def references(overlay: str) -> set[tuple[str, str]]:
    """The config maps, secrets, claims and accounts that pods need."""
    specs = [pod["spec"] for pod in pods(overlay).values()]
    volumes = [volume for spec in specs for volume in spec.get("volumes", ())]
    found = {
        (kind, volume[source][name])
        for volume in volumes
        for source, (kind, name) in VOLUME_SOURCES.items()
        if source in volume
    }
    found |= {
        ("ServiceAccount", each["serviceAccountName"])
        for each in specs
        if "serviceAccountName" in each
    }
    values = [each for _, container in containers(overlay) for each in container.get("env", ())]
    secrets = [each["valueFrom"]["secretKeyRef"]["name"] for each in values if "valueFrom" in each]
    return found | {("Secret", name) for name in secrets}


def selects(selector: Resource, labels: dict[str, str]) -> bool:
    """Whether a label selector matches."""
    return all(
        labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()
    ) and all(
        labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", ())
    )
