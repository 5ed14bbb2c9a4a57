"""Brings a spool to MLflow: in order, in batches, again and again until the server has acknowledged it.

It runs in a process of its own (`yolops.training.sending`), so that a training neither waits for the network nor shares
its interpreter lock with it, and so that someone is left to say so when a training is killed.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from yolops.tracking.batches import MEASURED, Batch, BatchBuilder
from yolops.tracking.tracking_server import Doubtful, NotLetIn, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yolops.tracking.spool import Record, Spool
    from yolops.tracking.tracking_server import TrackingServer

log = logging.getLogger(__name__)

READ_AT_ONCE = 2000
POLL_S = 0.2
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
PATIENCE_S = 600.0
# Nobody can mend the login of a process that runs; the next one is started with the right one.
LOGIN_PATIENCE_S = 10.0
DOUBTS = 5
UPLOADS = 8
FILES_AT_ONCE = 64


class GaveUp(Exception):
    """There is no point in trying on: the server has moved, or stayed away for longer than we are willing to wait."""


Handler: TypeAlias = "Callable[[str, str, Record], Mapping[str, Any]]"
T = TypeVar("T")


@dataclass(frozen=True)
class Surroundings:
    """What a sender knows of the world; tests replace it.

    Attributes:
        owner_is_running: whether the training process still lives.
        sleep: waits for seconds.
        clock: seconds since the epoch.
        patience_s: how long to go on trying behind the end of the training, in seconds.
        server_has_moved: whether the spool names another address by now.
    """

    owner_is_running: Callable[[], bool]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    patience_s: float = PATIENCE_S
    server_has_moved: Callable[[], bool] = lambda: False


class Sender:
    """Sends one spool.

    Args:
        spool: what to send.
        tracking: where to.
        handlers: what to do with records that are not the tracking server's, by kind; called with experiment ID, run ID
            and the record, it returns what is worth remembering.
        surroundings: the world.
    """

    def __init__(
        self,
        spool: Spool,
        tracking: TrackingServer,
        handlers: Mapping[str, Handler],
        surroundings: Surroundings,
    ) -> None:
        self._spool = spool
        self._tracking = tracking
        self._handlers = handlers
        self._world = surroundings
        self._progress = spool.progress()
        self._known: Mapping[str, int] = {}

    def run(self, on_run: Callable[[str], None] = lambda _run_id: None) -> bool:
        """Send until the run has ended and everything is acknowledged.

        Args:
            on_run: told the run's ID once it exists.

        Returns:
            Whether the server has all of it; what it has not stays in the spool.
        """
        self._remember(trouble="", gave_up=False)
        try:
            self._create_run()
            on_run(self._progress.run_id)
            while not self._is_done():
                # Asked before reading: what a process says before it ends must be read after it has ended.
                alive = self._world.owner_is_running()
                if self._send_next():
                    continue
                if not alive:
                    self._say_killed()
                else:
                    self._world.sleep(POLL_S)
        except GaveUp as error:
            log.warning("gave up for now: %s", error)
            self._remember(gave_up=not self._world.server_has_moved())  # to the new address it is sent anew
            return False
        except Refused as error:
            log.error("the server refuses the run: %s", error)
            self._remember(trouble=str(error), gave_up=True)
            return False
        log.info("all sent")
        return True

    def _is_done(self) -> bool:
        return self._progress.ended and self._progress.offset >= self._spool.size()

    def _create_run(self) -> None:
        intent = self._spool.intent()
        if not self._progress.run_id:
            created = self._insist(lambda: self._tracking.create_run(intent))
            self._remember(experiment_id=created[0], run_id=created[1])
            log.info("run %s in experiment %s", created[1], created[0])
        if intent.run_id:
            # Another machine may have said more of it than this spool knows: epochs that are trained again here.
            self._known = self._insist(lambda: self._tracking.last_steps(intent.run_id))

    def _send_next(self) -> bool:
        """Send the next batch, or the next record that cannot be batched; False when there is none."""
        records = self._spool.read(self._progress.offset, READ_AT_ONCE)
        if not records:
            return False
        builder, offset, taken = BatchBuilder(), self._progress.offset, []
        for behind, record in records:
            if not builder.add(self._unknown(record)):
                break
            offset = behind
            taken.append(record)
        if not taken:
            files = list(takewhile(lambda found: found[1]["kind"] == "file", records[:FILES_AT_ONCE]))
            if files:
                self._send_files([record for _, record in files])
            else:
                self._send_record(records[0][1])
            self._remember(offset=files[-1][0] if files else records[0][0])
            return True
        batch = builder.build()
        try:
            if batch:
                self._insist(lambda: self._tracking.log_batch(self._progress.run_id, batch))
        except Refused:
            self._send_one_by_one(taken)
        self._remember(offset=offset, last_step=max(self._progress.last_step, batch.last_step))
        return True

    def _unknown(self, record: Record) -> Record:
        """Return a record without the metrics that the server had before this sender; steps are sent in order."""
        if not self._known or record["kind"] not in MEASURED:
            return record
        step, values = record.get("step", 0), record["values"]
        return record | {"values": {name: value for name, value in values.items() if step > self._known.get(name, -1)}}

    def _send_one_by_one(self, records: list[Record]) -> None:
        """Find the record for which the server refuses a whole batch."""
        for record in records:
            builder = BatchBuilder()
            builder.add(self._unknown(record))
            self._or_reject(record, partial(self._tracking.log_batch, self._progress.run_id, builder.build()))

    def _send_files(self, records: list[Record]) -> None:
        """Upload side by side, since each waits for the network; what fails is then done again one by one."""

        def fails(record: Record) -> bool:
            try:
                self._upload(record)
            except Exception as error:  # noqa: BLE001 - told apart below
                log.info("%s: %s", record["path"], error)
                return True
            return False

        with ThreadPoolExecutor(max_workers=UPLOADS) as pool:
            failed = [record for record, again in zip(records, pool.map(fails, records), strict=True) if again]
        for record in failed:
            self._or_reject(record, partial(self._upload, record))

    def _upload(self, record: Record) -> None:
        self._tracking.upload(self._progress.run_id, Path(record["path"]), record["folder"])

    def _send_record(self, record: Record) -> None:
        run_id, kind = self._progress.run_id, record["kind"]
        if kind == "dataset":
            self._or_reject(record, lambda: self._tracking.log_dataset(run_id, record))
        elif kind == "if-killed":
            self._result("if-killed", record)
        elif kind == "resumed":
            self._or_reject(record, lambda: self._tracking.set_status(run_id, "RUNNING", None))
            self._progress = replace(self._progress, ended=False)
        elif kind == "end":
            self._or_reject(record, lambda: self._tracking.set_status(run_id, record["status"], record["time"]))
            self._progress = replace(self._progress, ended=True)
        elif kind in self._handlers:
            self._or_reject(record, lambda: self._handle(record))
        else:
            self._reject(record, f"no yolops of this version knows what {kind!r} means")

    def _handle(self, record: Record) -> None:
        handler = self._handlers[record["kind"]]
        self._result(record["kind"], handler(self._progress.experiment_id, self._progress.run_id, record))

    def _result(self, kind: str, result: Mapping[str, Any]) -> None:
        self._progress = replace(self._progress, results={**self._progress.results, kind: dict(result)})

    def _say_killed(self) -> None:
        log.warning("the training process is gone and has not said how the run ended")
        run_id = self._progress.run_id
        reason = {"yolops.error": "the training process was killed; what it had said until then is here"}
        self._insist(lambda: self._tracking.log_batch(run_id, Batch(tags=tuple(reason.items()))))
        if record := self._progress.results.get("if-killed"):
            for path in filter(Path.exists, map(Path, record["paths"])):
                self._or_reject(record, partial(self._tracking.upload, run_id, path, record["folder"]))
        end_ms = int(self._world.clock() * 1000)
        self._insist(lambda: self._tracking.set_status(run_id, "FAILED", end_ms))
        self._remember(ended=True)

    def _or_reject(self, record: Record, action: Callable[[], None]) -> None:
        try:
            self._insist(action)
        except Refused as error:
            self._reject(record, str(error))

    def _reject(self, record: Record, reason: str) -> None:
        log.error("refused for good: %s: %s", record["kind"], reason)
        self._spool.reject(record, reason)
        self._progress = replace(self._progress, rejected=self._progress.rejected + 1)

    def _insist(self, action: Callable[[], T]) -> T:
        """Do it again and again until it works; refusals pass through."""
        pause, alone_since, doubts = FIRST_PAUSE_S, 0.0, 0
        while True:
            try:
                result = action()
            except Refused:
                self._trouble("")
                raise
            except Exception as error:
                log.warning("trying again in %.1f s: %s", pause, error)
                self._trouble(str(error))
                doubts += isinstance(error, Doubtful)
                if doubts == DOUBTS:
                    raise Refused(str(error)) from error
                if self._world.server_has_moved():
                    raise GaveUp("the server has moved") from error
                if not self._world.owner_is_running():
                    alone_since = alone_since or self._world.clock()
                    patience = LOGIN_PATIENCE_S if isinstance(error, NotLetIn) else self._world.patience_s
                    if self._world.clock() - alone_since > patience:
                        raise GaveUp(str(error)) from error
                self._world.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
            else:
                self._trouble("")
                return result

    def _trouble(self, text: str) -> None:
        if text != self._progress.trouble:
            self._remember(trouble=text)

    def _remember(self, **changes: Any) -> None:
        self._progress = replace(self._progress, **changes)
        self._spool.save_progress(self._progress)
