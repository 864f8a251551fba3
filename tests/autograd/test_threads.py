"""The second thread: what runs on it, what is set meanwhile, and what happens when it is busy, fails or is left."""

import os
from threading import Event, Thread, get_ident
from typing import NoReturn

import numpy as np
import pytest

from gradcli.autograd import threads
from gradcli.autograd.threads import both, cores

two = pytest.mark.skipif(cores() < 2, reason="there is one processor")


def test_both_gives_two_results_and_errors() -> None:
    """Two functions run with the caller's NumPy settings; an error in either one is raised."""
    with np.errstate(divide="raise"):
        assert both(np.geterr, np.geterr) == (np.geterr(), np.geterr())
    assert both(lambda: 1, lambda: 2) == (1, 2)
    for functions in ((lambda: 1 / 0, lambda: 2), (lambda: 1, lambda: 2 / 0)):
        with pytest.raises(ZeroDivisionError):
            both(*functions)


@two
def test_two_functions_run_at_the_same_time_on_processors_of_their_own() -> None:
    """Each waits for the other to have begun; the affinity is given back."""
    begun = [Event(), Event()]

    def run(number: int) -> tuple[int, set[int]]:
        begun[number].set()
        assert begun[1 - number].wait(10)
        return get_ident(), os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {number}

    (one, its), (other, others) = both(lambda: run(0), lambda: run(1))
    assert one != other == get_ident()
    assert not its & others
    if hasattr(os, "sched_getaffinity"):
        assert len(os.sched_getaffinity(0)) == cores()


@two
@pytest.mark.skipif(threads._blas() is None, reason="NumPy has another library than OpenBLAS")
def test_linear_algebra_keeps_to_one_thread_until_the_last_user_ends() -> None:
    """The first user of two is the last: how many threads there are is given back after it."""
    count, begun, over = threads._blas()._get, Event(), Event()
    before, inside = count(), []

    def look() -> None:
        begun.set()
        assert over.wait(10)
        inside.append(count())

    first = Thread(target=lambda: both(look, look))
    first.start()
    assert begun.wait(10)
    both(int, int)
    over.set()
    first.join()
    assert inside == [1, 1]
    assert count() == before


@two
def test_who_finds_the_second_thread_busy_does_both_halves() -> None:
    """So it is within a half, too."""
    here, there = both(lambda: both(get_ident, get_ident), lambda: both(get_ident, get_ident))
    assert here[0] == here[1] != there[0] == there[1]


@two
def test_an_interrupted_wait_leaves_the_second_thread_to_its_work() -> None:
    """Another one is there for those who come after; the old one's result goes to nobody."""
    go, left = Event(), threads._helper()
    wait, left._end = left._end, Interrupted()
    with pytest.raises(KeyboardInterrupt):
        both(lambda: go.wait(10), lambda: 1)
    left._end = wait
    assert both(lambda: 2, lambda: 3) == (2, 3)
    go.set()
    assert both(lambda: 4, lambda: 5) == (4, 5)
    assert threads._helper() is not left


class Interrupted:
    """A lock at which the user presses Ctrl-C."""

    def acquire(self) -> NoReturn:
        raise KeyboardInterrupt

    def release(self) -> None:
        pass
