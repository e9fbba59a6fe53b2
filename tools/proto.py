"""Generates the committed code of the contracts, and checks that it is up to date.

`python -m tools.proto generate` writes shop/ and waybill/v1; `check` generates into a temporary
folder and exits with 1 and the names of the files that differ.
"""

import filecmp
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent.parent
PROTOS = ROOT / "protos"
OUTPUTS = ("shop", "waybill/v1")
TABLES = ("rules.toml", "contracts.toml")
"""Installed with the stubs, for who has no checkout."""
HEADER = '"""Generated from protos/ by tools/proto.py. Never edited."""\n'


def generate(out: Path) -> None:
    """Generate modules, stubs and services of all contracts under `out`."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    well_known = files("grpc_tools") / "_proto"
    plugins = Path(sys.executable).parent  # of this virtual environment, whatever PATH says
    arguments = [
        "protoc",
        f"--plugin=protoc-gen-mypy={plugins / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={plugins / 'protoc-gen-mypy_grpc'}",
        f"-I{PROTOS}",
        f"-I{well_known}",
        f"--python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--grpc_python_out={out}",
        f"--mypy_grpc_out=quiet:{out}",
        *sources,
    ]
    if protoc.main(arguments) != 0:
        sys.exit("protoc failed")
    remove_services_of_messages(out)
    for folder in sorted({Path(source).parent for source in sources}):
        for package in (folder, *folder.parents):
            if package.name and package != Path("waybill"):
                (out / package / "__init__.py").write_text(HEADER)
    (out / "shop/py.typed").touch()
    for table in TABLES:
        shutil.copy(PROTOS / table, out / "shop" / table)
    for contract in (PROTOS / "waybill/v1").glob("*.proto"):  # for those who import them in theirs
        shutil.copy(contract, out / "waybill/v1")


def remove_services_of_messages(out: Path) -> None:
    """Drop the gRPC modules that protoc writes for files without a service."""
    for module in [*out.glob("shop/**/*_pb2_grpc.py"), *out.glob("waybill/v1/*_pb2_grpc.py")]:
        if "Stub" not in module.read_text():
            module.unlink()
            module.with_suffix(".pyi").unlink(missing_ok=True)


def generated_files(root: Path) -> set[Path]:
    """Paths, relative to `root`, of everything generated below it."""
    return {
        path.relative_to(root)
        for output in OUTPUTS
        for path in (root / output).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def differing(fresh: Path) -> list[str]:
    """Names of files that are missing, stale or left over in the repository."""
    names = generated_files(fresh) | generated_files(ROOT)
    return sorted(
        str(name)
        for name in names
        if not (fresh / name).exists()
        or not (ROOT / name).exists()
        or not filecmp.cmp(fresh / name, ROOT / name, shallow=False)
    )


def main(arguments: list[str]) -> int:
    """Run `generate` or `check`; returns the exit code."""
    if arguments not in (["generate"], ["check"]):
        print("usage: python -m tools.proto generate|check", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        if arguments == ["generate"]:
            for output in OUTPUTS:
                shutil.rmtree(ROOT / output, ignore_errors=True)
                shutil.copytree(fresh / output, ROOT / output)
            return 0
        stale = differing(fresh)
    for name in stale:
        print(f"differs from protos/: {name}", file=sys.stderr)
    if stale:
        print("run `make proto` and commit the result", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
