"""`yolops tune --on sagemaker`: a tuning job put together, looked at before it costs anything, and started."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from yolops.cli.job_freight import known_here, send
from yolops.cli.job_platform import JobPlatform, platform_of
from yolops.cli.train_in_sagemaker import NO_RUN, Order, gate_of, ordered, preflight
from yolops.cli.training import trainer_of
from yolops.cli.tune_following import follow, show_ended
from yolops.diagnosis.training_job import Planned
from yolops.tracking.provenance import code_tags
from yolops.training.run_directory import TrainRequest
from yolops.training.search_check import check_space
from yolops.training.search_space import parse_space
from yolops.training.submission import code
from yolops.training.submission.spec import check_machine
from yolops.training.submission.submit import Submitted, submit
from yolops.training.submission.tuning_record import say_search
from yolops.training.submission.tuning_spec import SCRIPT, SCRIPT_TEXT, TuningSpec, check_counts

if TYPE_CHECKING:
    from yolops.cli.console import Console
    from yolops.cli.session import Session
    from yolops.tracking.pending_runs import PendingRun
    from yolops.training.submission.spec import Machine
    from yolops.training.tune_directory import TuneRequest


@dataclass(frozen=True)
class SearchOrder:
    """A search that somebody wants.

    Attributes:
        order: the job of each trial.
        request: what is searched.
        parallel: how many trials run side by side.
        script: the archive that starts a trial.
    """

    order: Order
    request: TuneRequest
    parallel: int
    script: bytes

    def spec(self, run_id: str) -> TuningSpec:
        """Return the tuning job for the run of the search."""
        outputs, request = self.order.outputs, self.request
        return TuningSpec(
            job=self.order.trial(run_id),
            space=parse_space(request.space),
            metric=request.metric,
            trials=request.trials,
            parallel=self.parallel,
            seed=request.seed,
            script_uri=f"s3://{outputs.bucket_name}/{code.script_key(self.script)}",
            region=outputs.aws_region,
        )


def tune(
    session: Session, console: Console, request: TuneRequest, machine: Machine, *, parallel: int, dry_run: bool
) -> None:
    """Start a search and follow it to its end, or show it.

    Raises:
        YolopsError: something stands against it, SageMaker refuses, or no trial came to its end.
    """
    _check(session, request, machine, parallel)
    training = TrainRequest(request.data, request.model, request.experiment, request.name, request.arguments)
    platform = platform_of(session, console)
    order = ordered(platform, training, machine)
    outputs, freight = order.outputs, order.freight
    # The best is trained again on this version, whatever is the newest then.
    data = request.data if freight.data else freight.version_name
    request = replace(request, data=data, experiment=order.request.experiment)
    search = SearchOrder(order, request, parallel, code.script_archive(SCRIPT, SCRIPT_TEXT))
    spec = search.spec(NO_RUN)
    planned = Planned.of(spec.job, outputs, request.trials, parallel, is_pushed=freight.data is not None)
    value = {"create_hyper_parameter_tuning_job": spec.create_request()}
    if not preflight(console, planned, value, dry_run=dry_run):
        return
    send(platform, freight)
    platform.bucket.put(code.script_key(search.script), search.script, only_new=True)
    submitted = _submit(platform, search)
    console.note(f"run      {outputs.run_page(submitted.run.experiment_id, submitted.run.run_id)}")
    show_ended(platform, follow(platform, submitted.spec.name))


def _submit(platform: JobPlatform, search: SearchOrder) -> Submitted[TuningSpec]:
    rest, request, root = platform.rest, search.request, platform.session.workspace.root
    let_in = gate_of(platform, request.experiment)

    def begin(run: PendingRun) -> TuningSpec:
        let_in()
        say_search(rest, run.run_id, request, code_tags(root, ["yolops", *sys.argv[1:]]))
        return search.spec(run.run_id)

    return submit(platform.searches, rest, request.experiment, request.name, begin)


def resume(session: Session, console: Console, which: str) -> None:
    """Follow a search that was left, and record what has ended meanwhile.

    Raises:
        YolopsError: there is no such search, or no trial came to its end.
    """
    platform = platform_of(session, console)
    show_ended(platform, follow(platform, platform.searches.find(which).name))


def _check(session: Session, request: TuneRequest, machine: Machine, parallel: int) -> None:
    """Refuse what could not work, before anything is looked up."""
    check_machine(machine, request.arguments)
    check_counts(parse_space(request.space), request.trials, parallel)
    check_space(trainer_of(session), replace(request, arguments=known_here(request.arguments)))
