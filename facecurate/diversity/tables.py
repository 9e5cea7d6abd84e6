"""Results that are tables, for Arrow and, where it is installed, for pandas."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from typing import Any

import pyarrow as pa

from facecurate.errors import FacecurateError


class Tabular(ABC):
    """Gives a result with ``to_arrow`` the same as a pandas data frame."""

    __slots__ = ()

    @abstractmethod
    def to_arrow(self) -> pa.Table:
        """The result as a table."""

    def to_pandas(self) -> Any:
        """The result as a ``pandas.DataFrame``. Raises FacecurateError without pandas."""
        if importlib.util.find_spec("pandas") is None:
            raise FacecurateError("to_pandas needs: pip install pandas (or take to_arrow)")
        return self.to_arrow().to_pandas()
