"""The committed copies of the contracts: where they lie, whether they are what the code says, and releases of them.

docs/contracts/<context>/<task>.json    today's contract of a task
docs/contracts/releases/<version>/      the same of a release: <context>/<task>.json, the element templates in
                                        _templates/, and in release.json which breaks were accepted, and why
docs/tasks.md                           all tasks on one page
.camunda/element-templates/fairlead_<context>.json
                                        where Camunda Modeler finds them for each diagram below the project
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.runtime.contracts import TaskContract, by_context, contracts, name_of
from workers.runtime.contracts_changes import Break, breaks
from workers.runtime.contracts_page import page
from workers.runtime.contracts_templates import Template, templates
from workers.runtime.discovery import ROOT

_CONTRACTS = Path("docs/contracts")
_RELEASES = _CONTRACTS / "releases"
_RELEASE = "release.json"
_PAGE = Path("docs/tasks.md")
_TEMPLATES = Path(".camunda/element-templates")
_OURS = "fairlead_*.json"


class ContractsRefused(ValueError):
    """The contracts can't be written, compared or released."""


@dataclass(frozen=True, slots=True)
class Release:
    """The contracts of a release, as they were committed."""

    version: str
    contracts: dict[str, TaskContract]
    templates: dict[str, list[Template]]
    """By context."""


def write(project: Path, root: str = ROOT) -> list[Path]:
    """Bring the committed files up to the code; returns those that changed, relative to the project.

    Raises:
        ContractsRefused: there is nothing to write into.
    """
    changed = stale(project, root)
    wanted = _wanted(project, root)
    for path in changed:
        if path in wanted:
            _put(project / path, wanted[path])
        else:
            (project / path).unlink()
    return changed


def stale(project: Path, root: str = ROOT) -> list[Path]:
    """The committed files that are not what the code says: different, missing, or of a task that is gone.

    Raises:
        ContractsRefused: the folder is another one.
    """
    wanted = _wanted(project, root)
    there = {path.relative_to(project) for path in (project / _CONTRACTS).glob("*/*.json")}
    there |= {path.relative_to(project) for path in (project / _TEMPLATES).glob(_OURS)}
    return sorted(
        path
        for path in there | wanted.keys()
        if path not in wanted or not (project / path).exists() or (project / path).read_text("utf-8") != wanted[path]
    )


def last_release(project: Path) -> Release | None:
    """The release with the highest version, if there is one."""
    folders = [found.parent for found in (project / _RELEASES).glob(f"*/{_RELEASE}")]
    if not folders:
        return None
    folder = max(folders, key=lambda found: _ordered(found.name))
    read = [json.loads(file.read_text("utf-8")) for file in sorted(folder.glob("[!_]*/*.json"))]
    offered = {
        file.stem.removeprefix("fairlead_"): json.loads(file.read_text("utf-8"))
        for file in sorted((folder / "_templates").glob(_OURS))
    }
    return Release(folder.name, {task["job_type"]: task for task in read}, offered)


def breaks_since_release(project: Path, root: str = ROOT) -> tuple[str | None, list[Break]]:
    """The last release's version, and what its instances would not survive today."""
    last = last_release(project)
    return (None, []) if last is None else (last.version, breaks(last.contracts, contracts(root)))


def release(project: Path, version: str, *, accepted_why: str | None = None, root: str = ROOT) -> Path:
    """Keep today's contracts as those of a release; returns its folder, relative to the project.

    Raises:
        ContractsRefused: committed files are stale, the version is not above the last one, or running instances would
            break and nobody said why that is accepted.
    """
    if stale(project, root):
        raise ContractsRefused("The committed contracts are not what the code says. Run `fairlead contracts generate`.")
    last = last_release(project)
    if last is not None and _ordered(version) <= _ordered(last.version):
        raise ContractsRefused(f"Version {version} is not above the last release, {last.version}. Raise it first.")
    today = contracts(root)
    broken = [] if last is None else breaks(last.contracts, today)
    if broken and not accepted_why:
        raise ContractsRefused(
            f"Instances started under {last.version if last else version} would not survive:\n"
            + "\n".join(f"- {each}" for each in broken)
            + "\nMend that, or say why it is accepted (`--breaking WHY`), for instance as no such instance is left."
        )
    folder = _RELEASES / version
    for path, text in _wanted(project, root).items():
        if path.is_relative_to(_CONTRACTS):
            _put(project / folder / path.relative_to(_CONTRACTS), text)
        elif path.is_relative_to(_TEMPLATES):
            _put(project / folder / "_templates" / path.name, text)
    note = {
        "version": version,
        "breaks": [str(each) for each in broken],
        "accepted_why": accepted_why if broken else None,
    }
    _put(project / folder / _RELEASE, _json(note))  # last: without it the folder counts for nothing
    return folder


def _wanted(project: Path, root: str) -> dict[Path, str]:
    if not (project / "docs").is_dir() or not (project / "bpmn").is_dir():
        raise ContractsRefused(
            f"{project} has no docs/ and bpmn/. Run this in Fairlead's folder, or name it (`--project`)."
        )
    last = last_release(project)
    today = contracts(root)
    wanted = {_PAGE: page(today)}
    for context, tasks in by_context(today).items():
        for task in tasks:
            wanted[_CONTRACTS / context / f"{name_of(task)}.json"] = _json(task)
        offered = templates(context, tasks, last.templates.get(context) if last else None)
        wanted[_TEMPLATES / f"fairlead_{context}.json"] = _json(offered)
    return wanted


def _ordered(version: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in version.split("."))
    except ValueError:
        raise ContractsRefused(f"{version} is no version; releases are named like 1.2.3.") from None


def _json(value: Mapping[str, object] | TaskContract | Sequence[object]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
