"""The load generator: a process of its own, patched for gevent, which drives one cell at a time.

It reads a World and then Jobs as lines of JSON from standard input, and answers each job with one
line on standard output: a Measured, or an object with the single key `error`.
"""

import sys

# Locust patches the standard library on import, which must come before anything else is imported.
import locust.env  # isort: skip

import time
from typing import Any

import grpc

from loadtest.cpu import CpuMeter, family_cpu_s
from loadtest.lab import WARM_UP, Lab, Phase
from loadtest.memory import resident_bytes
from loadtest.refusals import refusal_of
from loadtest.replies import Reply
from loadtest.results import Load, Measured, Method
from loadtest.users import USERS
from loadtest.wire import WireMeter
from loadtest.world import Job, World


class Generator:
    """Drives cells against one world."""

    def __init__(self, lab: Lab, world: World) -> None:
        self._lab = lab
        self._pids = world.pids
        self._meter = CpuMeter(world.pids)
        families = {name: (pid,) for name, pid in world.families.items()}
        self._families = CpuMeter(families, family_cpu_s)
        orders, products = WireMeter(world.orders_target), WireMeter(world.products_target)
        self._wires = dict.fromkeys(Method, orders) | {Method.LIST: products}

    def measure(self, job: Job) -> Measured:
        """Warm the cell up, discard that, then measure it.

        Both phases end when the last answer is in, so that the servers' CPU time between them is
        that of the measured calls and of nothing else but the servers' own idling.
        """
        self._lab.prepare(job)
        if job.load.warm_up_s:
            warm_up = job.load.model_copy(update={"duration_s": job.load.warm_up_s})
            self._run(job, warm_up, WARM_UP)
        wire = self._wires[job.cell.method]
        wire_before = wire.read()
        begin, before, own_before = time.perf_counter(), self._cpu_s(), time.process_time()
        phase = self._run(job, job.load, "measured")
        used, own_s = self._cpu_s(), time.process_time() - own_before
        elapsed_s = time.perf_counter() - begin
        return Measured(
            observed=phase.recorder(job.cell.row).observed(job.load.duration_s),
            cpu_s={name: used_s - before[name] for name, used_s in used.items()},
            generator_cpu_s=own_s,
            elapsed_s=elapsed_s,
            request=phase.request,
            wire=wire.since(wire_before),
            memory_bytes=resident_bytes(self._pids),
        )

    def _cpu_s(self) -> dict[str, float]:
        return {**self._meter.read(), **self._families.read()}

    def _run(self, job: Job, load: Load, name: str) -> Phase:
        phase = self._lab.begin(job, load, name)
        run_users(self._lab, job.cell.row, load.users)
        return phase


def run_users(lab: Lab, row: str, users: int) -> None:
    """Run `users` Locust users of `row` until each has finished the lab's phase.

    Raises:
        grpc.RpcError, ValueError: a user could not start; the first one's reason.
    """
    environment: Any = locust.env.Environment(user_classes=[USERS[row]], catch_exceptions=False)
    environment.lab = lab
    failures: list[Exception] = []
    environment.events.user_error.add_listener(lambda exception, **_: failures.append(exception))
    runner = environment.create_local_runner()
    try:
        runner.start(users, spawn_rate=users)
        runner.spawning_greenlet.join()
        runner.user_greenlets.join()
    finally:
        runner.quit()
    if failures:
        raise failures[0]


def reply(generator: Generator, line: str) -> Reply:
    """Do the job that `line` describes."""
    job = Job.model_validate_json(line)
    try:
        return Reply(measured=generator.measure(job))
    except grpc.RpcError as error:
        return Reply(error=f"{job.cell.row}, {job.cell.ids} ids: {refusal_of(error)}: {error}")
    except (ValueError, ProcessLookupError) as error:
        return Reply(error=f"{job.cell.row}, {job.cell.ids} ids: {error}")


def main() -> None:
    """Answer jobs until standard input ends."""
    world = World.model_validate_json(sys.stdin.readline())
    lab = Lab(world)
    try:
        generator = Generator(lab, world)
        for line in sys.stdin:
            print(reply(generator, line).model_dump_json(), flush=True)
    finally:
        lab.close()


if __name__ == "__main__":
    main()
