"""What image hosts may be asked, out of the budgets that all commands of a user share."""

from __future__ import annotations

from facecurate.flickr.budget import Budgets, Limit


class HostBudgets:
    """The budgets of image hosts: each has the same limit, known when it is first asked."""

    def __init__(self, budgets: Budgets, limit: Limit) -> None:
        self._budgets, self._limit = budgets, limit

    def take(self, bucket: str, cost: int = 1) -> float:
        """Seconds to wait before a request; its place is taken."""
        self._budgets.limit(bucket, self._limit)
        return self._budgets.take(bucket, cost)

    def block(self, bucket: str, seconds: float, reason: str) -> None:
        """Lets nothing out for so long, in all processes."""
        self._budgets.block(bucket, seconds, reason)

    def blocked(self, bucket: str) -> float:
        """Seconds until the block ends; 0 if there is none."""
        return self._budgets.blocked(bucket)

    def clean(self, bucket: str) -> None:
        """A request was answered well."""
        self._budgets.limit(bucket, self._limit)
        self._budgets.clean(bucket)

    def slower(self, bucket: str) -> None:
        """A request was refused for its rate."""
        self._budgets.limit(bucket, self._limit)
        self._budgets.slower(bucket)
