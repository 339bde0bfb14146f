"""What is wrong with actions before any is called. A Python file is read, and never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from metier.assistant.base import Action, Place, Remark, Script


def called(script: Script) -> Iterator[Remark]:
    """What is called without being there, without anybody agreeing, or by nobody."""
    used = {step.action for job in script.jobs.values() for step in job.do}
    used |= {slot.source for job in script.jobs.values() for slot in job.ask.values()}
    for action in script.actions.values():
        if action.how == "python":
            yield from _function(script, action)
        elif action.how != "get" and not action.changes:
            yield Remark(
                place=action.place, grade="warning", problem=f"{action.name} is a {action.how}, and said to change "
                f"nothing: nobody agrees to it, and it may be done twice.",
                fix="Add changes: true, if it does.",
            )  # fmt: skip
        if action.name not in used:
            yield Remark(
                place=action.place, grade="note", problem=f"no job does {action.name}.", fix="Leave it out, or use it."
            )
    if script.outside is not None and not script.outside.is_file():
        yield Remark(
            place=script.sources["outside"], grade="error", problem=f"there is no file {script.outside.name} here.",
            fix="Write it, with start(folder) -> (addresses, stop).",
        )  # fmt: skip


def _function(script: Script, action: Action) -> Iterator[Remark]:
    module, _, name = action.target.partition(":")
    path = script.folder / f"{module}.py"
    if not path.is_file():
        yield Remark(
            place=action.place, grade="error", problem=f"there is no file {path.name} here.", fix=f"Write {name} there."
        )
        return
    try:
        body = ast.parse(path.read_bytes(), path.name).body
    except SyntaxError as problem:
        place = Place(file=path.name, line=problem.lineno or 1)
        yield Remark(place=place, grade="error", problem=f"this is not Python: {problem.msg}.", fix="Mend the line.")
        return
    defined = {known for one in body for known in _defined(one)}
    if not defined & {name, "*"}:
        yield Remark(
            place=action.place, grade="error", problem=f"{path.name} has no function {name}.",
            fix=f"Known there: {', '.join(sorted(defined)) or 'nothing'}.",
        )  # fmt: skip


def _defined(statement: ast.stmt) -> Iterator[str]:
    """The names it brings; `*` where only running it would tell."""
    if isinstance(statement, ast.FunctionDef):
        yield statement.name
    elif isinstance(statement, ast.ImportFrom) and statement.module != "__future__":
        yield from (one.asname or one.name for one in statement.names)
    elif isinstance(statement, ast.Assign):
        yield from (one.id for one in statement.targets if isinstance(one, ast.Name))
    elif isinstance(statement, ast.If | ast.Try | ast.With):
        yield "*"
