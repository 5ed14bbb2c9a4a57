"""Child processes: real ones, that end, hang, refuse to end, and leave children behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from yolops.errors import YolopsError
from yolops.process import run, start_background
from yolops.running_processes import (
    ProcessIdentity,
    children,
    exit_code,
    find_background,
    interrupt,
    is_running,
    kill,
    listens_on,
    programs_in,
    stop,
    this_process,
)

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]
HAS_A_CHILD = [
    sys.executable,
    "-c",
    """import subprocess, sys, time
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
print('ready', flush=True)
time.sleep(60)""",
]
REFUSES = [
    sys.executable,
    "-c",
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True); time.sleep(60)",
]


def wait_for(condition, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def said(log: Path, text: str) -> bool:
    return text in log.read_text()


def test_a_program_s_words_and_exit_code_are_returned() -> None:
    done = run(
        [sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"], timeout=20
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_the_environment_given_is_added_to_the_inherited_one() -> None:
    code = "import os; print(os.environ['YOLOPS_TEST'], 'PATH' in os.environ)"
    assert run([sys.executable, "-c", code], env={"YOLOPS_TEST": "yes"}, timeout=20).stdout == "yes True\n"


def test_a_program_that_asks_gets_no_answer_instead_of_waiting_for_a_person() -> None:
    assert run([sys.executable, "-c", "import sys; print(repr(sys.stdin.read()))"], timeout=20).stdout == "''\n"


def test_an_argument_is_never_read_by_a_shell() -> None:
    assert (
        run([sys.executable, "-c", "import sys; print(sys.argv[1])", "$HOME; `id`"], timeout=20).stdout
        == "$HOME; `id`\n"
    )


def test_words_that_are_no_text_do_not_break_it() -> None:
    assert run([sys.executable, "-c", r"import sys; sys.stdout.buffer.write(b'\xff')"], timeout=20).stdout == "�"


def test_a_program_that_is_not_there_is_an_error_with_a_hint(tmp_path: Path) -> None:
    for start in (
        lambda: run(["yolops-no-such"], timeout=1),
        lambda: start_background(["yolops-no-such"], log=tmp_path / "l"),
    ):
        with pytest.raises(YolopsError, match="yolops-no-such: not found") as caught:
            start()
        assert "PATH" in caught.value.hint


def test_a_directory_that_is_not_there_is_not_blamed_on_the_program(tmp_path: Path) -> None:
    with pytest.raises(YolopsError, match="gone: no such directory"):
        run([sys.executable, "-c", ""], cwd=tmp_path / "gone", timeout=1)


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    marker = f"sleep_{os.getpid()}"
    child = f"[sys.executable, '-c', 'import time; time.sleep(60)', '{marker}']"
    code = f"import subprocess, sys, time; subprocess.Popen({child}); time.sleep(60)"
    with pytest.raises(YolopsError, match="did not end within 1 s"):
        run([sys.executable, "-c", code], timeout=1)
    assert not [item for item in psutil.process_iter(["cmdline"]) if marker in (item.info["cmdline"] or [])]


def test_a_background_program_writes_to_its_log_and_has_a_session_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    identity = start_background(REFUSES, log=log)
    wait_for(lambda: said(log, "ready"))
    assert log.read_text() == "before\nready\n"
    assert os.getsid(identity.pid) == identity.pid != os.getsid(0)
    stop(identity, 0.1)


def test_a_background_program_outlives_the_command_that_started_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = (
        "import sys; from pathlib import Path; from yolops.process import start_background\n"
        f"print(start_background([sys.executable, '-c', 'import time; time.sleep(60)'], log=Path({str(log)!r})).pid)"
    )
    pid = int(run([sys.executable, "-c", code], timeout=20).stdout)
    (identity,) = find_background(log)
    assert identity.pid == pid
    stop(identity, 5)
    assert find_background(log) == []


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(YolopsError, match="nowhere/log: cannot be written"):
        start_background(SLEEPS, log=tmp_path / "nowhere" / "log")


def test_a_program_that_ended_is_not_running_although_nobody_has_waited_for_it(tmp_path: Path) -> None:
    identity = start_background([sys.executable, "-c", ""], log=tmp_path / "log")
    wait_for(lambda: not is_running(identity))


def test_another_program_with_the_same_number_is_neither_running_nor_stopped(tmp_path: Path) -> None:
    identity = start_background(SLEEPS, log=tmp_path / "log")
    earlier = ProcessIdentity(identity.pid, identity.started - 3600)
    assert not is_running(earlier)
    os.kill(identity.pid, 0)
    stop(identity, 5)


def test_stopping_ends_the_children_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    identity = start_background(HAS_A_CHILD, log=log)
    wait_for(lambda: said(log, "ready"))
    assert len(find_background(log)) == 2
    stop(identity, 5)
    assert not is_running(identity)
    assert find_background(log) == []


def test_stopping_ends_what_a_killed_program_left_behind(tmp_path: Path) -> None:
    log = tmp_path / "log"
    identity = start_background(HAS_A_CHILD, log=log)
    wait_for(lambda: said(log, "ready"))
    os.kill(identity.pid, signal.SIGKILL)
    wait_for(lambda: not is_running(identity))
    assert len(find_background(log)) == 1
    stop(identity, 5)
    assert find_background(log) == []


def test_a_program_that_refuses_to_end_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    identity = start_background(REFUSES, log=log)
    wait_for(lambda: said(log, "ready"))
    stop(identity, 0.2)
    assert not is_running(identity)


def test_what_is_killed_is_not_asked_before_and_its_exit_code_is_known_afterwards(tmp_path: Path) -> None:
    log = tmp_path / "log"
    asked = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True))\n"
    identity = start_background([*HAS_A_CHILD[:2], asked + HAS_A_CHILD[2]], log=log)
    wait_for(lambda: said(log, "ready"))
    [child] = children(identity)
    kill(identity)
    assert not is_running(identity)
    assert not is_running(child)
    assert children(identity) == []
    assert exit_code(identity) == -signal.SIGKILL
    assert not said(log, "asked")


def test_a_paused_program_hears_that_it_should_end(tmp_path: Path) -> None:
    identity = start_background(SLEEPS, log=tmp_path / "log")
    os.kill(identity.pid, signal.SIGSTOP)
    begun = time.monotonic()
    stop(identity, 20)
    assert not is_running(identity)
    assert time.monotonic() - begun < 10


def test_a_program_is_found_from_its_first_moment_on(tmp_path: Path) -> None:
    # What is shown of it is empty for some microseconds, which one start in three hundred met.
    for number in range(300):
        log = tmp_path / str(number)
        begun = start_background(["sleep", "60"], log=log)
        found = find_background(log)
        stop(begun, 0)
        assert found == [begun], number


def test_the_port_of_a_program_is_found(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = """import socket, time
with socket.create_server(('127.0.0.1', 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    time.sleep(60)"""
    identity = start_background([sys.executable, "-c", code], log=log)
    wait_for(lambda: said(log, "\n"))
    port = int(log.read_text())
    assert listens_on(identity, port)
    assert not listens_on(identity, port + 1)
    stop(identity, 5)
    assert not listens_on(identity, port)


def test_how_a_background_program_ended_is_known_to_the_command_that_started_it(tmp_path: Path) -> None:
    identity = start_background([sys.executable, "-c", "import sys; sys.exit(3)"], log=tmp_path / "log")
    wait_for(lambda: exit_code(identity) is not None)
    assert exit_code(identity) == 3


def test_a_program_hears_an_interrupt_and_one_with_its_number_does_not(tmp_path: Path) -> None:
    identity = start_background(SLEEPS, log=tmp_path / "log")
    interrupt(ProcessIdentity(identity.pid, identity.started - 3600))
    time.sleep(0.3)
    assert exit_code(identity) is None
    interrupt(identity)
    wait_for(lambda: exit_code(identity) is not None)


def test_programs_are_found_by_the_directory_they_work_in(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    identity = start_background(SLEEPS, log=tmp_path / "log", cwd=tmp_path / "there")
    # The kernel shows no command line while the program is being put in place.
    wait_for(lambda: programs_in(tmp_path / "there") == {identity: sys.executable})
    assert programs_in(tmp_path) == {}
    stop(identity, 5)


def test_this_very_process_is_running() -> None:
    assert this_process().pid == os.getpid()
    assert is_running(this_process())
