"""Who carries out the parts of a search that can run side by side: this process, others here, or a Dask cluster.

A unit of work is a function of a module with an argument that can be pickled, and it returns its result: the driver
alone writes the study, the cache and the files of the results.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from importlib.metadata import version
from itertools import islice
from multiprocessing.connection import Connection
from queue import LifoQueue
from typing import Protocol, Self, TypeVar

from archsim.errors import BadInput
from dse.threads import one_thread_in_children

A = TypeVar("A")
R = TypeVar("R")

DEATHS = 3
"""How often an argument whose worker died is given to another."""

ANSWERS_WITHIN_SECONDS = 10
"""A scheduler that takes longer to greet is taken for none."""

ASKS_AGAIN_SECONDS = 60
"""How often a cluster is asked whether there are workers by now, while nothing is done."""


class WorkerDied(ChildProcessError):
    """Workers die at one argument, or cannot be reached any more: a fault of the machine, never of an input."""


class Workers(Protocol):
    """Carries out units of work. A context: leaving it ends what it began."""

    @property
    def count(self) -> int:
        """How many units are carried out at a time, at this moment."""
        ...

    def run(self, function: Callable[[A], R], arguments: Iterable[A]) -> Iterator[tuple[A, R]]:
        """Each argument with its result, in the order of completion.

        An argument is taken from `arguments` when a worker is free for it and not before, so that these can end where
        there is no time left. What `function` raises is raised here; WorkerDied where workers keep dying.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class InProcess:
    """This process, one after the other."""

    @property
    def count(self) -> int:
        return 1

    def run(self, function: Callable[[A], R], arguments: Iterable[A]) -> Iterator[tuple[A, R]]:
        return ((argument, function(argument)) for argument in arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


class LocalProcesses:
    """`count` processes on this machine, begun when first needed; they end with this one, even if it is killed.

    Each is a pool of its own, so that the death of one is known to be that of its argument and disturbs no other.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise BadInput(f"workers must be at least 1, not {count}")
        self._count = count
        self._context = multiprocessing.get_context("spawn")
        self._hears, self._holds = self._context.Pipe(duplex=False)
        self._threads = ThreadPoolExecutor(count, "worker")
        self._pools: LifoQueue[ProcessPoolExecutor | None] = LifoQueue()  # one that has begun before one that has not
        for _ in range(count):
            self._pools.put(None)
        self._closed = False

    @property
    def count(self) -> int:
        return self._count

    def run(self, function: Callable[[A], R], arguments: Iterable[A]) -> Iterator[tuple[A, R]]:
        return _as_completed(lambda a: self._threads.submit(self._call, function, a), lambda: self.count, arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._holds.close()  # ends the processes at once, whatever they are at
        self._threads.shutdown(cancel_futures=True)
        while not self._pools.empty():
            if pool := self._pools.get():
                pool.shutdown()
        self._hears.close()

    def _call(self, function: Callable[[A], R], argument: A) -> R:
        pool = self._pools.get()
        try:
            for _ in range(1 + DEATHS):
                pool = pool or self._begin()
                try:
                    with one_thread_in_children():  # a process begins with its first unit
                        result = pool.submit(function, argument)
                    return result.result()
                except BrokenProcessPool:
                    pool.shutdown()
                    pool = None
                    if self._closed:
                        raise CancelledError from None
        finally:
            self._pools.put(pool)
        raise WorkerDied(f"{1 + DEATHS} worker processes died one after the other at {argument}; is memory enough?")

    def _begin(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, self._context, initializer=_begin_worker, initargs=(self._hears,))


class DaskCluster:
    """The workers of a Dask cluster that runs already, by the address of its scheduler. Needs the extra `cluster`.

    The scheduler gives the argument of a worker that died to another, three times unless it is configured otherwise.
    `note` is told where there is no worker, at once and again each minute.
    """

    def __init__(self, address: str, note: Callable[[str], None] = lambda _: None) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise BadInput("a Dask cluster needs the extra `cluster`: pip install 'archsim[cluster]'") from None
        self._address, self._note = address, note
        _check_address(address)
        try:
            asyncio.run(_greet(address))  # a client that gets no answer tries to close for as long again, and complains
            self._client = Client(address, timeout=ANSWERS_WITHIN_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:  # TypeError: TLS without a certificate
            raise BadInput(f"scheduler {address}: no Dask scheduler answers there ({_first_line(error)})") from None
        self._executor = self._client.get_executor(pure=False)
        self._check()

    def _check(self) -> None:
        """BadInput where the scheduler, which unpacks units too, or a worker has no archsim, or another one."""
        try:
            theirs = {self._client.run_on_scheduler(_version), *self._client.run(_version).values()}
        except Exception as error:  # whatever they have no archsim for
            theirs = {_first_line(error)}
        if theirs != {_version()}:
            self.__exit__()
            given = ", ".join(sorted(theirs - {_version()}))
            raise BadInput(f"scheduler {self._address}: it and its workers must run {_version()}, not: {given}")

    @property
    def count(self) -> int:
        return sum(self._client.nthreads().values())

    def run(self, function: Callable[[A], R], arguments: Iterable[A]) -> Iterator[tuple[A, R]]:
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        try:
            submit = partial(self._executor.submit, function)
            yield from _as_completed(submit, self._room, arguments, ASKS_AGAIN_SECONDS)
        except KilledWorker as error:
            raise WorkerDied(f"scheduler {self._address}: {_first_line(error)}") from None
        except (CancelledError, CommClosedError) as error:
            raise self._gone(error) from None

    def _room(self) -> int:
        """With no worker there one unit is sent all the same: it waits for the first that joins."""
        try:
            count = self.count
        except OSError as error:  # asked, it does not answer
            raise self._gone(error) from None
        if not count:
            self._note(f"scheduler {self._address}: no worker there yet; waiting for one")
        return max(1, count)

    def _gone(self, error: BaseException) -> WorkerDied:
        return WorkerDied(f"scheduler {self._address}: is gone ({_first_line(error)})")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(wait=False)
        self._client.close()


def workers_for(processes: int, scheduler: str | None, note: Callable[[str], None] = lambda _: None) -> Workers:
    """Those that a command line asks for; BadInput where it asks for both kinds. `note` is as `DaskCluster` has it."""
    if scheduler is None:
        return InProcess() if processes == 1 else LocalProcesses(processes)
    if processes != 1:
        raise BadInput(f"workers must be processes here or those of a scheduler, not {processes} beside {scheduler}")
    return DaskCluster(scheduler, note)


def _check_address(address: str) -> None:
    """BadInput unless it is one of a scheduler: another sort of client would wait for an answer."""
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import backends

    try:
        scheme, place = parse_address(address)
        _, port = parse_host_port(place)
        if scheme not in backends:
            raise ValueError(f"{scheme} is none of {', '.join(backends)}")
        if not 0 < port < 65536:
            raise ValueError(f"{port} is no port")
    except ValueError as error:
        rule = "must be HOST:PORT or tcp://HOST:PORT, as `dask scheduler` says"
        raise BadInput(f"scheduler {address}: {rule} ({_first_line(error)})") from None


async def _greet(address: str) -> None:
    """OSError where no scheduler says who it is in time."""
    from distributed import Security
    from distributed.core import rpc

    arguments = Security().get_connection_args("client")
    async with rpc(address, timeout=ANSWERS_WITHIN_SECONDS, connection_args=arguments) as scheduler:
        await asyncio.wait_for(scheduler.identity(), ANSWERS_WITHIN_SECONDS)


def _as_completed(
    submit: Callable[[A], Future[R]], room: Callable[[], int], arguments: Iterable[A], asks_again: float | None = None
) -> Iterator[tuple[A, R]]:
    """Keeps `room()` units under way until `arguments` end, and asks again after so many seconds without a result."""
    waiting = iter(arguments)
    running: dict[Future[R], A] = {}
    try:
        while True:
            running |= {submit(argument): argument for argument in islice(waiting, max(0, room() - len(running)))}
            if not running:
                return
            for future in wait(running, asks_again, FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    finally:
        for future in running:
            future.cancel()


def _begin_worker(hears: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the driver decides
    threading.Thread(target=_end_with_driver, args=(hears,), daemon=True).start()


def _end_with_driver(hears: Connection) -> None:
    """Nothing is ever sent: what is heard is that the driver's end was closed, by itself or by its death."""
    hears.poll(None)
    os._exit(1)


def _version() -> str:
    return f"archsim {version('archsim')}"


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
