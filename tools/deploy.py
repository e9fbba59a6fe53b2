"""`make deploy-check`: what stands in deploy/ is well-formed.

    python -m tools.deploy

Renders each overlay, checks its built-in kinds against the schemas of Kubernetes and custom ones
against those of their definitions, lints the Dockerfile and the compose files. What is checked
needs no cluster and no container engine, and so says nothing of how it runs.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
OVERLAYS = DEPLOY / "kubernetes" / "overlays"
KUBERNETES = "1.37"
"""The version whose schemas are meant."""
SCHEMAS = ROOT / "build" / "deploy-check"
"""Where npm puts the schemas of custom resources."""

Resource = dict[str, Any]


def overlays() -> list[str]:
    """The names of all overlays."""
    return sorted(path.name for path in OVERLAYS.iterdir())


def rendered(overlay: str) -> list[Resource]:
    """The resources that an overlay makes.

    Raises:
        subprocess.CalledProcessError: it cannot be rendered; `stderr` says why.
    """
    command = [str(Path(sys.executable).parent / "kubectl"), "kustomize", str(OVERLAYS / overlay)]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    return list(yaml.safe_load_all(made.stdout))


def is_custom(resource: Resource) -> bool:
    """Whether Kubernetes itself does not know the kind."""
    group = resource["apiVersion"].rpartition("/")[0]
    return ("." in group and not group.endswith(".k8s.io")) or group.startswith("gateway.")


def problems(resources: Iterable[Resource]) -> Iterator[str]:
    """What is wrong with the built-in kinds among `resources`."""
    for resource in resources:
        if is_custom(resource):
            continue
        try:
            kubernetes_validate.validate(resource, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            name = f"{resource['kind']} {resource['metadata']['name']}"
            yield f"{name}: {'.'.join(map(str, error.path))}: {error.message}"


def main() -> int:
    """Check everything; the exit code."""
    wrong = 0
    for overlay in overlays():
        resources = rendered(overlay)
        found = list(problems(resources))
        custom = [resource for resource in resources if is_custom(resource)]
        wrong += len(found) + _custom_problems(custom)
        print("\n".join([f"{overlay}: {len(resources)} resources, {len(custom)} custom", *found]))
    return 1 if wrong + _lint() else 0


def _custom_problems(resources: Iterable[Resource]) -> int:
    text = "".join(json.dumps(resource) + "\n" for resource in resources)
    if not text:
        return 0
    command = ["node", str(DEPLOY / "check" / "custom_resources.mjs"), str(SCHEMAS)]
    return subprocess.run(command, input=text, text=True, check=False).returncode


def _lint() -> int:
    """Exit codes of the linters, added up."""
    hadolint = [str(Path(sys.executable).parent / "hadolint"), str(DEPLOY / "Dockerfile")]
    compose = [str(path) for path in sorted(DEPLOY.glob("compose*.yaml"))]
    dclint = [str(SCHEMAS / "node_modules" / ".bin" / "dclint"), "--quiet", *compose]
    return sum(subprocess.run(command, check=False).returncode for command in (hadolint, dclint))


if __name__ == "__main__":
    sys.exit(main())
