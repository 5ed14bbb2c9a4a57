"""`yolops dataset push`, `pull`, `list`, `prune`: versions of datasets, in the bucket or on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yolops.cli.dataset_named import CACHE, S3, located, name_of, store_of
from yolops.cli.session import Json, Session, opened
from yolops.cli.wording import minute, size_text
from yolops.errors import YolopsError
from yolops.findings import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yolops.cli.console import Console
    from yolops.datasets.versions.manifest import Manifest
    from yolops.datasets.versions.prune import Pruning
    from yolops.datasets.versions.store import Store

Name = Annotated[str, typer.Argument(metavar="NAME", help="Only this dataset.")]
COLUMNS = ("dataset", "version", "images", "size", "pushed", "runs")


def push_version(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="The data.yaml, or the directory that holds it.")],
    name: Annotated[str, typer.Option(help="What it is called; the name of its directory if not given.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    as_json: Json = False,
) -> None:
    """Check a dataset, and keep a version of it where the platform can reach it."""
    from yolops.cli.training import checked_dataset
    from yolops.datasets.versions.catalogue import SHOWN_CHARACTERS, check_name
    from yolops.datasets.versions.push import push

    session, console = opened(context, as_json)
    name = check_name(name) if name else name_of(data)
    dataset, report = checked_dataset(session, console, data)
    store = store_of(session)
    with console.progress("reading files" if dry_run else "pushing files") as progress:
        pushed = push(store, name, dataset, version=report.fingerprint, dry_run=dry_run, progress=progress)
    version = pushed.version[:SHOWN_CHARACTERS]
    sent = f"{counted(pushed.sent_objects, 'object')}, {size_text(pushed.sent_bytes)}"
    what = f"is new: {sent} to send" if dry_run else f"pushed: {sent} sent"
    console.data(
        {"dataset": name, "uri": f"{store.where}/{name}", "dry_run": dry_run, **pushed.as_dict()},
        f"{name}@{version} {what if pushed.new else 'is there already'} "
        f"(the version has {counted(pushed.files, 'file')}, {size_text(pushed.bytes)})",
    )
    if pushed.new and not dry_run:
        console.note(f"get it anywhere: {session.command_prefix()} dataset pull {name}@{version}")


def pull_version(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="NAME", help="NAME, NAME@VERSION or s3://BUCKET/datasets/NAME.")],
    target: Annotated[
        Path | None, typer.Argument(help="A new directory; the name of the dataset if not given.")
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="Only this split; may be given several times.")] = None,
    as_json: Json = False,
) -> None:
    """Get the newest version of a dataset, or the one that is named, and prove that it is whole."""
    from yolops.datasets.versions.cache import Cache
    from yolops.datasets.versions.catalogue import SHOWN_CHARACTERS, find_version
    from yolops.datasets.versions.pull import pull, pull_plain
    from yolops.datasets.versions.store import AbsentError

    session, console = opened(context, as_json)
    store, name, version = located(session, dataset)
    directory = (target or Path(name)).absolute()
    try:
        manifest = find_version(store, name, version)
    except AbsentError:
        if version or split:
            raise
        with console.progress("pulling files") as progress:
            pulled = pull_plain(store, name, directory, progress)
        console.note(f"{store.where}/{name}: no version, so its files were taken as they are")
    else:
        cache = Cache(session.workspace.create_state() / CACHE) if store.where.startswith(S3) else None
        with console.progress("pulling files") as progress:
            pulled = pull(store, name, manifest, directory, splits=split or (), cache=cache, progress=progress)
    what = f"{name}@{pulled.version[:SHOWN_CHARACTERS]}" if pulled.version else name
    size, fetched = size_text(pulled.bytes), size_text(pulled.fetched_bytes)
    console.data(
        {"dataset": name, **pulled.as_dict()},
        f"{what}: {counted(pulled.files, 'file')}, {size}; {fetched} fetched",
        str(pulled.directory),
    )


def list_versions(context: typer.Context, name: Name = "", as_json: Json = False) -> None:
    """List datasets and their versions, the newest first, with the runs that used them."""
    from yolops.cli.console import table
    from yolops.datasets.fingerprint import digest
    from yolops.datasets.versions.catalogue import dataset_names, is_plain, versions

    session, console = opened(context, as_json)
    store = store_of(session)
    names = [name] if name else dataset_names(store)
    with console.working("reading manifests ..."):
        found = {one: versions(store, one) for one in names}
        plain = [one for one in names if is_plain(store, one)]
    if name and not found[name] and not plain:
        raise _absent(store, name)
    used = _used(session, console) if any(found.values()) else {}
    value: list[dict[str, object]] = []
    rows: list[tuple[object, ...]] = []
    for one in names:
        for manifest in found[one]:
            runs = used.get(digest(manifest.version), ())
            value.append({"dataset": one, **manifest.as_dict(), "runs": list(runs)})
            rows.append((one, *_shown(manifest), ", ".join(runs[:3]) + (", ..." if len(runs) > 3 else "")))
        if one in plain:
            value.append({"dataset": one, "version": None})
            rows.append((one, "unversioned", None, None, None, ""))
    nothing = f"no datasets yet in {store.where}; push one: {session.command_prefix()} dataset push data.yaml"
    console.data(value, table(*COLUMNS, rows=rows) if rows else nothing)


def prune_versions(
    context: typer.Context,
    name: Name = "",
    keep: Annotated[
        int | None, typer.Option(min=1, help="Keep so many of the newest versions of each dataset.")
    ] = None,
    older_than: Annotated[
        int | None, typer.Option("--older-than", min=0, metavar="DAYS", help="Keep versions that are younger.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it; otherwise it is only shown.")] = False,
    as_json: Json = False,
) -> None:
    """Remove old versions, and what interrupted pushes have left; --yes does it."""
    from datetime import UTC, datetime, timedelta

    from yolops.datasets.versions.catalogue import dataset_names
    from yolops.datasets.versions.prune import plan_pruning, prune

    session, console = opened(context, as_json)
    store = store_of(session)
    older = None if older_than is None else timedelta(days=older_than)
    now = datetime.now(UTC)
    with console.working("reading manifests ..."):
        names = dataset_names(store)
        if name and name not in names:
            raise _absent(store, name)
        plans = [plan_pruning(store, one, now=now, keep=keep, older_than=older) for one in ([name] if name else names)]
    plans = [plan for plan in plans if plan.versions or plan.garbage]
    if yes:
        for plan in plans:
            prune(store, plan)
    value = [{**plan.as_dict(), "removed": yes} for plan in plans]
    console.data(value, *(_pruning(session, console, plans) if plans else ["nothing to remove"]))
    if plans and not yes:
        console.note("nothing was removed; with --yes it is")
    elif any(plan.versions for plan in plans):
        console.note("the files of these versions go with a prune in a week, unless another version has them")


def _absent(store: Store, name: str) -> YolopsError:
    return YolopsError(f"{store.where}/{name}: there is no such dataset", "see what there is: yolops dataset list")


def _pruning(session: Session, console: Console, plans: Sequence[Pruning]) -> list[object]:
    """Return what would be removed, with the runs that used it."""
    from yolops.cli.console import table
    from yolops.datasets.fingerprint import digest

    used = _used(session, console) if any(plan.versions for plan in plans) else {}
    rows = [
        (plan.name, *_shown(manifest), ", ".join(used.get(digest(manifest.version), ())))
        for plan in plans
        for manifest in plan.versions
    ]
    lines = [
        f"{plan.name}: {counted(len(plan.garbage), 'object')} that nothing refers to, {size_text(plan.garbage_bytes)}"
        for plan in plans
        if plan.garbage
    ]
    return [*([table(*COLUMNS, rows=rows)] if rows else []), *lines]


def _used(session: Session, console: Console) -> Mapping[str, Sequence[str]]:
    """Return the names of the runs that used a dataset, by its digest; none where MLflow cannot be asked."""
    from yolops.tracking.runs import runs_by_dataset

    try:
        return runs_by_dataset(session.mlflow())
    except YolopsError as error:
        console.note(f"which runs used them is not known: {error.message}")
        return {}


def _shown(manifest: Manifest) -> tuple[str, int, str, str]:
    from yolops.datasets.versions.catalogue import SHOWN_CHARACTERS

    when = minute(manifest.pushed)
    return manifest.version[:SHOWN_CHARACTERS], sum(manifest.images.values()), size_text(manifest.bytes), when
