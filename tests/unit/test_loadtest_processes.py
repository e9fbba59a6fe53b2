"""Processes are waited for, explained when they fail, and never left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from loadtest.processes import (
    INTERRUPTED,
    Command,
    Service,
    StartFailed,
    paused,
    run,
    run_program,
)

READY = "import os, time; print(f'ready port=4711 pid={os.getpid()}', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + READY
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {READY!r}]); " + READY


def command(folder: Path, script: str) -> Command:
    return Command(
        name="fake",
        argv=(sys.executable, "-c", script),
        environ=dict(os.environ),
        cwd=folder,
        folder=folder,
    )


def test_a_service_is_ready_when_it_says_so_and_gone_afterwards(tmp_path: Path) -> None:
    with Service(command(tmp_path, READY)) as service:
        pid = service.pid
        assert service.target == "127.0.0.1:4711"
        assert service.pids == (pid,)
    assert not psutil.pid_exists(pid)


def test_what_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    service = Service(command(tmp_path, STUBBORN))
    with service:
        pid = service.pid
        service.stop(timeout_s=0.1)
    assert not psutil.pid_exists(pid)


def test_who_waits_no_longer_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second Ctrl-C, while what was told to end still runs."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with Service(command(tmp_path, STUBBORN)) as service:
        process = psutil.Process(service.pid)
        with monkeypatch.context() as patch:
            patch.setattr(psutil, "wait_procs", interrupted)
            with pytest.raises(KeyboardInterrupt):
                service.stop()
        process.wait(10)
    assert not _runs(process.pid)


def test_descendants_end_with_their_parent(tmp_path: Path) -> None:
    with Service(command(tmp_path, PARENT), ready_lines=2) as service:
        pids = service.pids
        assert len(pids) == 2
        service.stop(timeout_s=0.1)  # this parent leaves its child alone
    assert not any(_runs(pid) for pid in pids)


def test_a_service_that_ends_at_once_shows_its_log(tmp_path: Path) -> None:
    script = "import sys; sys.exit('PRODUCTS_PROT: there is no such setting')"
    with (
        pytest.raises(StartFailed, match="ended with 1") as failure,
        Service(command(tmp_path, script)),
    ):
        pass
    assert "there is no such setting" in str(failure.value)


def test_a_silent_service_is_given_up_and_ended(tmp_path: Path) -> None:
    script = "import os, sys, time; print(os.getpid(), file=sys.stderr, flush=True); time.sleep(60)"
    service = Service(command(tmp_path, script), start_timeout_s=0.5)
    with pytest.raises(StartFailed, match="not ready within"), service:
        pass
    assert not _runs(int((tmp_path / "fake.log").read_text() or 0))


def test_a_command_that_fails_shows_its_output(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=r"grants\.csv:3"):
        run(command(tmp_path, "import sys; sys.exit('grants.csv:3: wrong')"))
    run(command(tmp_path, "pass"))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_was_killed_starts_again_where_it_was(tmp_path: Path) -> None:
    told = READY.replace("print(", "import sys; print(sys.argv[1:], file=sys.stderr); print(")
    with Service(command(tmp_path, told)) as service:
        first = service.pid
        service.kill()
        assert not psutil.pid_exists(first)
        service.start_again({**os.environ, "NEW": "1"})
        assert service.pid != first
        assert psutil.Process(service.pid).environ()["NEW"] == "1"
        assert service.log.read_text().splitlines() == ["[]", "['--port', '4711']"]
    assert service.log.exists()


def test_a_pause_ends_with_its_block(tmp_path: Path) -> None:
    with Service(command(tmp_path, READY)) as service:
        process = psutil.Process(service.pid)
        with paused(service.pid):
            while process.status() != psutil.STATUS_STOPPED:
                pass  # the signal is on its way
        while process.status() == psutil.STATUS_STOPPED:
            pass
        assert service.alive


TOLD_TWICE = """
import os, signal
from loadtest.processes import run_program

def main():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        print("all stopped", flush=True)

run_program(main)
"""


def test_a_stop_that_is_told_twice_at_once_is_one() -> None:
    """As `timeout` does, which tells its child and then the group: nothing is left half stopped."""
    done = subprocess.run(
        [sys.executable, "-c", TOLD_TWICE], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        INTERRUPTED,
        "all stopped\n",
        "stopped\n",
    )


def test_a_program_that_is_interrupted_says_so_in_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(signal, "signal", lambda *_: None)  # pytest's own stay as they are
    with pytest.raises(SystemExit) as left:
        run_program(interrupted)
    assert left.value.code == INTERRUPTED
    assert capsys.readouterr().err == "stopped\n"
