"""Concurrent callers share one run, and nobody's cancellation is another's."""

import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest

from waybill.errors import DeadlineSpent, UpstreamUnavailable
from waybill.single_flight import SingleFlight
from waybill.testing import FakeClock

WITHIN_S = 5.0


class Work:
    """Counts its runs; each ends when told."""

    def __init__(self) -> None:
        self.runs = 0
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> str:
        self.runs += 1
        return await asyncio.shield(self.ended)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - one turn of the loop at a time, no time passes
        await asyncio.sleep(0)


async def start(flights: SingleFlight[str, str], work: Work, n: int) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(flights.run("key", work)) for _ in range(n)]
    await until(lambda: work.runs > 0)
    return tasks


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def flights(clock: FakeClock) -> SingleFlight[str, str]:
    return SingleFlight(WITHIN_S, clock)


async def test_concurrent_callers_share_one_run(flights: SingleFlight[str, str]) -> None:
    work = Work()
    tasks = await start(flights, work, 50)
    work.ended.set_result("answer")
    assert await asyncio.gather(*tasks) == ["answer"] * 50
    assert work.runs == 1


async def test_keys_do_not_share(flights: SingleFlight[str, str]) -> None:
    one, two = Work(), Work()
    tasks = [asyncio.create_task(flights.run(k, w)) for k, w in (("1", one), ("2", two))]
    await until(lambda: bool(one.runs and two.runs))
    one.ended.set_result("a")
    two.ended.set_result("b")
    assert await asyncio.gather(*tasks) == ["a", "b"]


async def test_the_next_caller_starts_anew(flights: SingleFlight[str, str]) -> None:
    for _ in range(2):
        work = Work()
        work.ended.set_result("answer")
        assert await flights.run("key", work) == "answer"
        assert work.runs == 1
    await until(lambda: not len(flights))


@pytest.mark.parametrize(("age_s", "shared"), [(0.0, True), (4.99, True), (5.0, False), (9, False)])
async def test_work_is_joined_while_it_is_young(
    flights: SingleFlight[str, str], clock: FakeClock, age_s: float, shared: bool
) -> None:
    old, new = Work(), Work()
    (first,) = await start(flights, old, 1)
    clock.advance(age_s)
    second = asyncio.create_task(flights.run("key", new))
    third = asyncio.create_task(flights.run("key", new))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (old.runs, new.runs) == ((1, 0) if shared else (1, 1))
    new.ended.set_result("new")
    if not shared:
        assert [*await asyncio.gather(second, third)] == ["new", "new"], "the old one still runs"
        assert len(flights) == 1
    old.ended.set_result("old")
    assert [*await asyncio.gather(first, second)] == (["old"] * 2 if shared else ["old", "new"])
    await until(lambda: not len(flights))


async def test_an_older_one_that_ends_leaves_the_younger_to_be_joined(
    flights: SingleFlight[str, str], clock: FakeClock
) -> None:
    old, new, none = Work(), Work(), Work()
    (first,) = await start(flights, old, 1)
    clock.advance(WITHIN_S)
    (second,) = await start(flights, new, 1)
    old.ended.set_result("old")
    assert await first == "old"
    third = asyncio.create_task(flights.run("key", none))
    await asyncio.sleep(0)
    new.ended.set_result("new")
    assert [*await asyncio.gather(second, third)] == ["new", "new"]
    assert none.runs == 0


async def test_nothing_is_joined_within_no_time(clock: FakeClock) -> None:
    flights: SingleFlight[str, str] = SingleFlight(0.0, clock)
    work = Work()
    tasks = [asyncio.create_task(flights.run("key", work)) for _ in range(3)]
    await until(lambda: work.runs == 3)
    work.ended.set_result("answer")
    assert await asyncio.gather(*tasks) == ["answer"] * 3


async def test_close_ends_all_ages(flights: SingleFlight[str, str], clock: FakeClock) -> None:
    old = await start(flights, Work(), 1)
    clock.advance(WITHIN_S)
    new = await start(flights, Work(), 1)
    await flights.close()
    outcomes = await asyncio.gather(*old, *new, return_exceptions=True)
    assert [type(each) for each in outcomes] == [UpstreamUnavailable] * 2
    assert len(flights) == 0


async def test_a_failure_is_shared_and_not_kept(flights: SingleFlight[str, str]) -> None:
    work = Work()
    tasks = await start(flights, work, 3)
    work.ended.set_exception(UpstreamUnavailable("down"))
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(o) for o in outcomes] == [UpstreamUnavailable] * 3
    later = Work()
    later.ended.set_result("up")
    assert await flights.run("key", later) == "up"


async def test_a_cancelled_leader_takes_nothing_from_the_others(
    flights: SingleFlight[str, str],
) -> None:
    work = Work()
    leader, *others = await start(flights, work, 3)
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    work.ended.set_result("answer")
    assert await asyncio.gather(*others) == ["answer"] * 2
    assert work.runs == 1


async def test_each_waiter_has_its_own_time(flights: SingleFlight[str, str]) -> None:
    work = Work()
    (patient,) = await start(flights, work, 1)
    with pytest.raises(DeadlineSpent):
        await flights.run("key", work, time_left_s=0.001)
    work.ended.set_result("answer")
    assert await patient == "answer"


@pytest.mark.parametrize("time_left_s", [0.0, -1.0])
async def test_no_work_is_started_for_a_spent_deadline(
    flights: SingleFlight[str, str], time_left_s: float
) -> None:
    work = Work()
    with pytest.raises(DeadlineSpent):
        await flights.run("key", work, time_left_s=time_left_s)
    assert work.runs == 0
    assert len(flights) == 0


async def test_a_timeout_of_the_work_is_not_the_callers_deadline(
    flights: SingleFlight[str, str],
) -> None:
    async def timed_out() -> str:
        raise TimeoutError("of the work")

    with pytest.raises(TimeoutError, match="of the work"):
        await flights.run("key", timed_out, time_left_s=60)


async def test_abandoned_work_runs_on_and_serves_who_comes(flights: SingleFlight[str, str]) -> None:
    work = Work()
    (leader,) = await start(flights, work, 1)
    leader.cancel()
    await asyncio.wait([leader])
    assert len(flights) == 1
    late = asyncio.create_task(flights.run("key", work))
    await asyncio.sleep(0)
    work.ended.set_result("answer")
    assert await late == "answer"
    assert work.runs == 1


async def test_a_failure_that_nobody_waits_for_warns_of_nothing(
    flights: SingleFlight[str, str],
) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    work = Work()
    (leader,) = await start(flights, work, 1)
    leader.cancel()
    await asyncio.wait([leader])
    work.ended.set_exception(UpstreamUnavailable("down"))
    await until(lambda: not len(flights))
    del leader
    gc.collect()
    assert complaints == []


async def test_close_ends_the_work_and_tells_the_waiters(flights: SingleFlight[str, str]) -> None:
    work = Work()
    tasks = await start(flights, work, 2)
    await flights.close()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(o) for o in outcomes] == [UpstreamUnavailable] * 2
    assert len(flights) == 0
    assert len(asyncio.all_tasks()) == 1


async def test_work_that_cancels_itself_is_no_cancellation_of_the_waiter(
    flights: SingleFlight[str, str],
) -> None:
    def cancelled() -> Awaitable[str]:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        future.cancel()
        return future

    with pytest.raises(UpstreamUnavailable):
        await flights.run("key", cancelled)
