"""What a reader has recognized in a file, and what an import will not keep."""

from dataclasses import dataclass, field
from typing import Any, Final

MAX_LISTED_ROWS: Final = 100


@dataclass
class Findings:
    """The source of a file, as its reader recognizes it, and the warnings, of which a response lists the first 100."""

    source: dict[str, Any] = field(default_factory=dict)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    warning_count: int = 0
    repairs_links: bool = False  # references to other rows that are invalid are removed, with a warning
    _once: set[str] = field(default_factory=set)

    def warn(self, message: str, row: int | None = None) -> None:
        """Add a warning about a row, or about the file."""
        self.warning_count += 1
        if len(self.warnings) < MAX_LISTED_ROWS:
            self.warnings.append({"row": row, "message": message})

    def warn_once(self, message: str) -> None:
        """Add a warning about the file, unless it has this one."""
        if message not in self._once:
            self._once.add(message)
            self.warn(message)

    def dump(self) -> dict[str, Any]:
        """Return the members of the response, or none if the format has no source."""
        shown = {"source": self.source, "warnings": self.warnings, "warning_count": self.warning_count}
        return shown if self.source else {}
