"""Holds today's contracts against those of the last release: contracts grow by addition only.

Instances started under the last release go on under today's workers, with the diagrams of then. So a task must accept
every input that it accepted then, and give nothing that it did not give then, apart from further variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from workers.runtime.contracts import TaskContract
from workers.runtime.contracts_schemas import Comparison, Difference

_INPUT_ADVICE = {
    "missing": "Diagrams in use do not give it: give it a default.",
    "gone": "If it has a new name, read the old one as well; if nothing needs it any more, keep it as optional.",
    "value": "Go on accepting what the last release accepted, or read a new variable of another name.",
    "bound": "Go on accepting what the last release accepted, or check it inside the task.",
}
_OUTPUT_ADVICE = {
    "missing": "Diagrams in use read it: give it always.",
    "gone": "Diagrams in use read it: go on giving it, beside whatever replaces it.",
    "value": "Diagrams in use do not know that value: give it in a new variable.",
    "bound": "Diagrams in use may rely on that: give the new values in a new variable.",
}


@dataclass(frozen=True, slots=True)
class Break:
    """A change that instances or diagrams of the last release would not survive."""

    job_type: str
    what: str
    advice: str

    def __str__(self) -> str:
        return f"{self.job_type}: {self.what} {self.advice}"


def breaks(last: Mapping[str, TaskContract], now: Mapping[str, TaskContract]) -> list[Break]:
    """Every incompatible change since the last release, by job type. New tasks are no change."""
    found: list[Break] = []
    for job_type, old in last.items():
        if job_type in now:
            found += _task(old, now[job_type])
        else:
            found.append(
                Break(
                    job_type,
                    "the task is gone.",
                    "Diagrams in use would wait for it for ever: keep it until no instance can reach it.",
                )
            )
    return found


def _task(old: TaskContract, new: TaskContract) -> Iterator[Break]:
    job_type = old["job_type"]
    for difference in Comparison(old["input"], new["input"], older_gives=True).differences():
        yield Break(job_type, _input_words(difference, old), _INPUT_ADVICE[difference.kind])
    for difference in Comparison(new["output"], old["output"], older_gives=False).differences():
        yield Break(job_type, _output_words(difference), _OUTPUT_ADVICE[difference.kind])
    yield from _errors(old, new)
    yield from _running(old, new)


def _input_words(difference: Difference, old: TaskContract) -> str:
    path, what = difference.path, difference.what
    match difference.kind:
        case "missing":
            known = "." in path or path in old["input"].get("properties", {})
            return f"the input `{path}` is required now, and was {'optional' if known else 'not there'}."
        case "gone":
            return f"the input `{path}` is gone."
        case "value":
            return f"the input `{path}` may not be {what} any more."
        case "bound":
            return f"the input `{path}` must keep to {what} now."


def _output_words(difference: Difference) -> str:
    path, what = difference.path, difference.what
    match difference.kind:
        case "missing":
            return f"the output `{path}` may be left out now."
        case "gone":
            return f"the output `{path}` is gone."
        case "value":
            return f"the output `{path}` may be {what} now."
        case "bound":
            return f"the output `{path}` need not keep to {what} any more."


def _errors(old: TaskContract, new: TaskContract) -> Iterator[Break]:
    before, after = ({error["code"] for error in task["errors"]} for task in (old, new))
    for code in sorted(before - after):
        yield Break(
            old["job_type"],
            f"the business error `{code}` is gone.",
            "Diagrams in use wait for it at a boundary event: go on declaring and raising it.",
        )
    for code in sorted(after - before):
        yield Break(
            old["job_type"],
            f"the business error `{code}` is new.",
            "Diagrams in use don't catch it and would stop with an incident: give the case as an output that has a "
            "default path, or make it a task of another name.",
        )


def _running(old: TaskContract, new: TaskContract) -> Iterator[Break]:
    """What the effects that are recorded already rely on."""
    job_type = old["job_type"]
    before, after = (" and ".join(f"`{key}`" for key in (t["business_id"], t["loop"]) if key) for t in (old, new))
    if old["effect"] == "once" and before != after:
        yield Break(
            job_type,
            f"its effects are known by {after} now, and were by {before}.",
            "A job seen again would act twice: keep the key, or make it a task of another name.",
        )
    if old["effect"] == "once" and new["effect"] != "once":
        yield Break(
            job_type,
            f'its effect was "once" and is "{new["effect"]}".',
            "Jobs done before would run again, and an undo would find nothing recorded: keep it, or make it a task of "
            "another name.",
        )
    if old["undoes"] not in {None, new["undoes"]}:
        yield Break(
            job_type,
            f"it does not undo `{old['undoes']}` any more.",
            "What is recorded already would never be undone: keep the handler.",
        )
    if old["after_close"] and not new["after_close"]:
        yield Break(
            job_type,
            "it may not act on a withdrawn case any more.",
            "Withdrawals under way would stop with an incident: keep after_close=True.",
        )
