"""Threads: two halves of a computation done at once, each with linear algebra on a thread of its own."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock, Thread
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


def both(first: Callable[[], T], second: Callable[[], T], *, products: bool = True) -> tuple[T, T]:
    """Return the results of two functions, run at the same time where there are two cores.

    NumPy releases the interpreter's lock in its loops and in linear algebra, which lets the threads run. Without
    `products`, there is no linear algebra in them.
    """
    helper = _helper() if cores() > 1 else None
    with one_thread_each() if products else nullcontext():
        if helper is None or not helper.turn.acquire(blocking=False):
            return first(), second()
        try:
            return _at_once(helper, first, second)
        finally:
            helper.turn.release()


def _at_once(helper: _Helper, first: Callable[[], T], second: Callable[[], T]) -> tuple[T, T]:
    """Return the results of two functions, the first one run by the helper."""
    allowed = _keep_apart(helper)
    try:
        helper.start(partial(copy_context().run, first))
        try:
            result = second()
        finally:
            other = helper.wait()
    finally:
        if allowed:
            os.sched_setaffinity(0, allowed)
    return other, result


class _Helper:
    """A thread that runs a function for another thread, which meanwhile runs one of its own.

    Two locks pass the turn to it and back: a queue of tasks takes longer than some tasks do.

    turn: held by the thread that it works for
    number: the system's number of the thread
    processors: those that it may run on, as far as they were set
    """

    def __init__(self) -> None:
        self.turn, self._start, self._end = Lock(), Lock(), Lock()
        self._start.acquire()
        self._end.acquire()
        self.processors: set[int] | None = None
        self._task: Callable[[], Any] | None = None
        self._result: Any = None
        self._error: BaseException | None = None
        thread = Thread(target=self._serve, name="gradcli", daemon=True)
        thread.start()
        self.number = thread.native_id or 0

    def start(self, task: Callable[[], Any]) -> None:
        """Begin a task; the one before must have been waited for."""
        self._task = task
        self._start.release()

    def wait(self) -> Any:
        """Return the task's result, or raise its error; an interrupted wait leaves it to its work, unused from then on."""
        try:
            self._end.acquire()
        except BaseException:
            _helper.cache_clear()
            raise
        result, error, self._result, self._error = self._result, self._error, None, None
        if error is not None:
            raise error
        return result

    def _serve(self) -> None:
        while True:
            self._start.acquire()
            try:
                self._result = self._task() if self._task else None
            except BaseException as error:
                self._error = error
            self._task = None
            self._end.release()


def _keep_apart(helper: _Helper) -> set[int]:
    """Keep this thread and its helper on processors of their own; return those on which this one was allowed before.

    Left to itself, Linux wakes a thread where the lock was released that it waits for: on the other's processor.
    """
    find = _processor()
    if find is None:
        return set()
    allowed, here = os.sched_getaffinity(0), find()
    others = allowed - {here}
    try:
        if helper.processors != others:
            os.sched_setaffinity(helper.number, others)
            helper.processors = others
        os.sched_setaffinity(0, {here})
    except OSError:
        return set()
    return allowed


@lru_cache(maxsize=1)
def _processor() -> Callable[[], int] | None:
    """Return the function that tells on which processor a thread runs, None where there is none."""
    return getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None


@lru_cache(maxsize=1)
def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _helper() -> _Helper:
    return _Helper()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_helper.cache_clear)
    """A forked process has none of its parent's threads."""


class _Setting:
    """A setting of the whole process that has another value as long as anybody needs that."""

    def __init__(self, get: Callable[[], Any], set_: Callable[[Any], object], value: Any) -> None:
        self._get, self._set, self._value = get, set_, value
        self._lock, self._users, self._before = Lock(), 0, value

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._before = self._get()
                self._set(self._value)
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._set(self._before)


def one_thread_each() -> AbstractContextManager[None]:
    """Keep NumPy's OpenBLAS from starting threads of its own inside; nothing happens where NumPy has another library."""
    return _blas() or nullcontext()


@lru_cache(maxsize=1)
def _blas() -> _Setting | None:
    """Return the OpenBLAS that came with NumPy, or None. Source: openblas_set_num_threads in OpenBLAS's cblas.h."""
    package = Path(np.__file__).parent
    for path in (*package.parent.glob("numpy.libs/*openblas*"), *package.glob(".dylibs/*openblas*")):
        try:
            library: Any = ctypes.CDLL(str(path))
        except OSError:
            continue
        for prefix in ("scipy_openblas", "openblas"):
            for suffix in ("64_", "_64", ""):
                get = getattr(library, f"{prefix}_get_num_threads{suffix}", None)
                set_ = getattr(library, f"{prefix}_set_num_threads{suffix}", None)
                if get and set_:
                    return _Setting(get, set_, 1)
    return None
