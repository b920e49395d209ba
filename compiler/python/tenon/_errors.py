"""The exceptions of the package; the native module raises them too."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnostic:
    """One message about a model.

    kind is "error", "warning" or "note"; text names the file and, where there
    is one, the node; notes say more.
    """

    kind: str
    text: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n  note: ".join([f"{self.kind}: {self.text}", *self.notes])


class Error(Exception):
    """What all errors of this package have in common."""


class CompileError(Error):
    """A model was refused.

    diagnostics: all messages in order, warnings and notes included.
    internal: the mistake is Tenon's own and not the model's.
    """

    def __init__(self, diagnostics, internal: bool = False):
        self.diagnostics = tuple(Diagnostic(kind, text, tuple(notes))
                                 for kind, text, notes in diagnostics)
        self.internal = internal
        errors = [str(message) for message in self.diagnostics
                  if message.kind == "error"]
        if internal:
            errors.append("this is a mistake in Tenon, not in the model")
        super().__init__("\n".join(errors))

    def __reduce__(self):
        rows = [(message.kind, message.text, message.notes)
                for message in self.diagnostics]
        return CompileError, (rows, self.internal)


class RunError(Error):
    """An input does not fit the model, or a run ended in a status."""
