"""Load shapes as numbers."""

from loadtest.ramps import Progressed, Stage, kept_up, steady, steps


def test_steady_is_one_stage() -> None:
    assert list(steady(8, 30)) == [Stage(8, 30)]


def test_steps_rise_to_all_users() -> None:
    assert list(steps(5, 2, 10)) == [Stage(2, 10), Stage(4, 20), Stage(5, 30)]
    assert list(steps(2, 5, 10)) == [Stage(2, 10)]


def test_a_step_is_judged_by_what_was_answered_in_it() -> None:
    before = Progressed(10, 100)
    assert kept_up(before, Progressed(20, 290), asked_per_s=20, share=0.9)
    assert not kept_up(before, Progressed(20, 270), asked_per_s=20, share=0.9)
    assert kept_up(before, before, asked_per_s=20, share=0.9)  # nothing to judge yet
