"""Group commit: grouping, failures that stay where they belong, bounds, deadlines, closing."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_svc.group_commit import GroupCommit
from waybill.errors import DeadlineSpent, ShuttingDown, StorageUnavailable, TooManyCalls

Commit = Callable[[Sequence[int]], list[int | Exception]]


class Gate:
    """A commit that waits until it is let through, and remembers its groups."""

    def __init__(self, commit: Commit | None = None) -> None:
        self.groups: list[list[int]] = []
        self.entered = threading.Event()
        self.passes = threading.Semaphore(0)
        self._commit: Commit = commit or list

    def __call__(self, items: Sequence[int]) -> list[int | Exception]:
        self.groups.append(list(items))
        self.entered.set()
        assert self.passes.acquire(timeout=30)
        return self._commit(items)

    def open(self) -> None:
        self.passes.release(1_000_000)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self.entered.wait, 30)


async def _submit_while_busy(
    commit: GroupCommit[int, int], gate: Gate, items: Sequence[int]
) -> list["asyncio.Task[int]"]:
    """Start item 0 alone, then `items` while its commit goes on."""
    tasks = [asyncio.create_task(commit.submit(0))]
    await gate.reached()
    tasks += [asyncio.create_task(commit.submit(item)) for item in items]
    await asyncio.sleep(0)  # lets them queue up
    return tasks


async def test_what_arrives_during_a_commit_shares_the_next_one() -> None:
    gate = Gate()
    commit = GroupCommit[int, int](gate)
    tasks = await _submit_while_busy(commit, gate, [1, 2, 3])
    gate.open()
    assert await asyncio.gather(*tasks) == [0, 1, 2, 3]
    assert gate.groups == [[0], [1, 2, 3]]
    await commit.close()


async def test_a_group_holds_no_more_than_its_maximum() -> None:
    gate = Gate()
    commit = GroupCommit[int, int](gate, max_group=2)
    tasks = await _submit_while_busy(commit, gate, [1, 2, 3])
    gate.open()
    await asyncio.gather(*tasks)
    assert gate.groups == [[0], [1, 2], [3]]
    await commit.close()


async def test_nobody_is_answered_before_the_commit() -> None:
    gate = Gate()
    commit = GroupCommit[int, int](gate)
    (task,) = await _submit_while_busy(commit, gate, [])
    assert not task.done()
    gate.open()
    assert await task == 0
    await commit.close()


async def test_failed_storage_fails_all_callers_of_the_group_and_only_them() -> None:
    def fail_second(items: Sequence[int]) -> list[int | Exception]:
        if 2 in items:
            raise StorageUnavailable("disk full")
        return list(items)

    gate = Gate(fail_second)
    commit = GroupCommit[int, int](gate)
    tasks = await _submit_while_busy(commit, gate, [1, 2, 3])
    gate.open()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[0] == 0
    assert all(isinstance(result, StorageUnavailable) for result in results[1:])
    assert await commit.submit(4) == 4
    await commit.close()


async def test_a_bad_item_does_not_fail_its_neighbours() -> None:
    def reject_two(items: Sequence[int]) -> list[int | Exception]:
        if 2 in items:
            raise OverflowError("2")
        return list(items)

    gate = Gate(reject_two)
    commit = GroupCommit[int, int](gate)
    tasks = await _submit_while_busy(commit, gate, [1, 2, 3])
    gate.open()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [results[0], results[1], results[3]] == [0, 1, 3]
    assert isinstance(results[2], OverflowError)
    assert gate.groups == [[0], [1, 2, 3], [1], [2], [3]]
    await commit.close()


async def test_an_outcome_that_is_an_exception_reaches_its_caller_alone() -> None:
    def refuse_odd(items: Sequence[int]) -> list[int | Exception]:
        return [StorageUnavailable(str(i)) if i % 2 else i for i in items]

    commit = GroupCommit[int, int](refuse_odd)
    results = await asyncio.gather(*map(commit.submit, range(4)), return_exceptions=True)
    assert [isinstance(result, StorageUnavailable) for result in results] == [False, True] * 2
    await commit.close()


async def test_more_than_may_wait_are_refused_and_never_committed() -> None:
    gate = Gate()
    commit = GroupCommit[int, int](gate, max_waiting=2)
    tasks = await _submit_while_busy(commit, gate, [1, 2, 3])
    with pytest.raises(TooManyCalls):
        await tasks[3]
    gate.open()
    await asyncio.gather(*tasks[:3])
    await commit.close()
    assert gate.groups == [[0], [1, 2]]


async def test_a_deadline_that_passes_meanwhile_answers_the_caller_and_the_item_is_committed() -> (
    None
):
    gate = Gate()
    commit = GroupCommit[int, int](gate)
    tasks = await _submit_while_busy(commit, gate, [])
    with pytest.raises(DeadlineSpent):
        await commit.submit(1, time_left_s=0.001)
    gate.open()
    await asyncio.gather(*tasks)
    await commit.close()
    assert gate.groups == [[0], [1]]


async def test_a_spent_deadline_is_refused_before_the_item_is_taken() -> None:
    gate = Gate()
    commit = GroupCommit[int, int](gate)
    with pytest.raises(DeadlineSpent):
        await commit.submit(1, time_left_s=0)
    await commit.close()
    assert gate.groups == []


async def test_a_cancelled_caller_disturbs_nobody() -> None:
    gate = Gate()
    commit = GroupCommit[int, int](gate)
    tasks = await _submit_while_busy(commit, gate, [1, 2])
    tasks[1].cancel()
    gate.open()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[0] == 0
    assert isinstance(results[1], asyncio.CancelledError)
    assert results[2] == 2
    await commit.close()


async def test_closing_commits_what_waits_and_takes_nothing_more() -> None:
    gate = Gate()
    commit = GroupCommit[int, int](gate)
    tasks = await _submit_while_busy(commit, gate, [1, 2])
    closing = asyncio.create_task(commit.close())
    await asyncio.sleep(0)
    with pytest.raises(ShuttingDown):
        await commit.submit(3)
    gate.open()
    assert await asyncio.gather(*tasks) == [0, 1, 2]
    await closing
    await commit.close()


@given(
    bad=st.sets(st.integers(0, 19)),
    down=st.sets(st.integers(0, 19)),
    max_group=st.integers(1, 8),
)
async def test_every_caller_hears_what_became_of_its_item(
    bad: set[int], down: set[int], max_group: int
) -> None:
    committed: set[int] = set()

    def commit_group(items: Sequence[int]) -> list[int | Exception]:
        if bad.intersection(items):
            raise ValueError
        if down.intersection(items):
            raise StorageUnavailable
        committed.update(items)
        return list(items)

    commit = GroupCommit[int, int](commit_group, max_group=max_group)
    results = await asyncio.gather(*map(commit.submit, range(20)), return_exceptions=True)
    await commit.close()
    assert {i for i, result in enumerate(results) if result == i} == committed
    assert bad <= {i for i, result in enumerate(results) if isinstance(result, Exception)}
    if not down:
        assert committed == set(range(20)) - bad
