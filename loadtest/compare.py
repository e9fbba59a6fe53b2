"""`make compare`: the strategies side by side, in one table.

    python -m loadtest.compare

Starts both services on free ports, or takes a deployment that is running, drives every cell in
rounds, prints the table, and keeps record and report in build/compare/<run-id>/, to which
build/compare/latest leads.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from loadtest import options as command_line
from loadtest import provenance, report
from loadtest.against import CannotReach, Deployment
from loadtest.change.frame import ChangeRun, ExperimentFailed, Experiments
from loadtest.change.table import experiments
from loadtest.comparison import Comparison, OpenSites
from loadtest.driver import GeneratorFailed
from loadtest.plan import Turn, turns
from loadtest.preflight import NotReady
from loadtest.processes import INTERRUPTED, StartFailed, run_program
from loadtest.profile import BadProfile, Profile
from loadtest.progress import Progress
from loadtest.report.points import Findings
from loadtest.report.promises import promises
from loadtest.results import DIRECT, Head, Run
from loadtest.setting import LAB_ORDERS_ENV, LAB_PRODUCTS_ENV, lab_sites
from loadtest.table import console, show
from mesh.hop import HopFailed, HopMissing

LATEST = "latest"
"""A link beside the runs' folders, to the newest one."""
ON_POSTGRES = dict.fromkeys(("PRODUCTS_DATABASE_URL", "ORDERS_DATABASE_URL"), "postgresql://…")
"""What a record says of databases that are not files."""
_NOT_MEASURED = (
    *(StartFailed, NotReady, GeneratorFailed, ExperimentFailed),
    *(HopMissing, HopFailed),
)
MISUSED = 2
"""Exit code for a command line or a profile that makes no sense, as argparse has it."""


def head_of(
    profile: Profile, seed: int, deployment: Deployment | None, *, postgres: bool = False
) -> Head:
    """What the record says of where and how it was run."""
    at = provenance.begun()
    ours = {**LAB_PRODUCTS_ENV, **LAB_ORDERS_ENV, **(ON_POSTGRES if postgres else {})}
    return Head(
        run_id=provenance.run_id(at),
        begun=at,
        profile=profile.name,
        seed=seed,
        commit=provenance.commit(),
        versions=provenance.versions(),
        machine=provenance.machine(),
        settings=deployment.settings() if deployment else ours,
        via=",".join(sorted({path for sweep in profile.sweep for path in sweep.via})) or DIRECT,
    )


def measured(profile: Profile, options: argparse.Namespace, deployment: Deployment | None) -> Run:
    """Run the comparison.

    Raises:
        StartFailed, NotReady, GeneratorFailed: see `Comparison.run`.
        ExperimentFailed: see `ChangeRun.run`.
    """
    planned = list(turns(profile, options.seed))
    under_change = experiments()
    head = head_of(profile, options.seed, deployment, postgres=options.postgres)
    progress = _progress(planned, profile, under_change)
    run = Run(head=head, complete=True, samples=())
    with tempfile.TemporaryDirectory(prefix="waybill-compare-") as folder:
        if planned:
            comparison = Comparison(head, planned, progress)
            run = comparison.run(
                _open_sites(head, deployment, postgres=options.postgres), Path(folder)
            )
        if run.complete:
            changing = ChangeRun(under_change, profile, progress, options.seed)
            complete = changing.run(Path(folder))
            run = run.model_copy(update={"complete": complete, "under_change": changing.found})
    return run


def _progress(planned: Sequence[Turn], profile: Profile, under_change: Experiments) -> Progress:
    steps = [turn.seconds for turn in planned]
    for experiment in under_change.values():
        steps += experiment.planned(profile)
    return Progress(len(steps), sum(steps))


def _open_sites(head: Head, deployment: Deployment | None, *, postgres: bool) -> OpenSites:
    if deployment:
        return partial(deployment.sites, head.run_id)
    return partial(lab_sites, head.seed, head.run_id, postgres)


def publish(run: Run, results: Path) -> Path:
    """Keep the record of `run` and its report, and let `latest` lead there; returns the folder."""
    folder = run.save(results / run.head.run_id).parent
    report.write(run, folder)
    link = results / f".{LATEST}"
    link.unlink(missing_ok=True)
    link.symlink_to(folder.name)
    link.replace(results / LATEST)
    return folder


def failed(error: Exception, code: int) -> int:
    """Say why there is no result; returns the exit code."""
    print(f"The comparison failed, and nothing was recorded: {error}", file=sys.stderr)
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison; returns the exit code."""
    options = command_line.arguments(argv, __doc__)
    try:
        profile = command_line.profile_of(options)
        deployment = command_line.deployment_of(options, profile)
        run = measured(profile, options, deployment)
    except (BadProfile, CannotReach) as error:
        return failed(error, MISUSED)
    except _NOT_MEASURED as error:
        return failed(error, 1)
    if run.empty:
        print("Stopped before anything was measured.", file=sys.stderr)
        return INTERRUPTED
    return finish(run, options)


def finish(run: Run, options: argparse.Namespace) -> int:
    """Show and keep what was measured; returns the exit code."""
    folder = publish(run, options.results)
    show(run, console())
    print(f"\nRecord: {folder / 'results.json'}\nReport: {folder / 'report.html'}")
    if run.failures:
        print(f"{len(run.failures)} measurements failed; the record names them.", file=sys.stderr)
    return exit_code(run, gate=options.gate)


def exit_code(run: Run, *, gate: bool) -> int:
    """What the run comes to: 1 for failed cells, and with `gate` for a promise not kept."""
    if run.failures:
        return 1
    if not run.complete:
        return INTERRUPTED
    return int(gate and not all(kept for _, kept in promises(Findings.of(run))))


if __name__ == "__main__":
    run_program(main)
