"""What the service says when it says no; all with HTTP 200."""

from __future__ import annotations

TOO_MANY_TAGS, UNKNOWN_USER, NO_PARAMETERS, USER_DELETED = 1, 2, 3, 5
ILLOGICAL, TOO_FAR, TOO_MANY_ORS = 18, 20, 77

MESSAGES = {
    0: "Sorry, the Flickr API service is not currently available.",
    1: "Too many tags in ALL query",
    2: "Unknown user",
    3: "Parameterless searches have been disabled. Please use flickr.photos.getRecent instead.",
    4: "You don't have permission to view this pool",
    5: "User deleted",
    10: "Sorry, the Flickr search API is not currently available.",
    11: "No valid machine tags",
    12: "Exceeded maximum allowable machine tags",
    15: "Photo not found",
    18: "Illogical arguments",
    20: "Excessive photo offset in search",
    77: "Exceeded limit of logical ORs allowed.",
    95: "SSL is required",
    96: "Invalid signature",
    97: "Missing signature",
    98: "Login failed / Invalid auth token",
    99: "Insufficient permissions. Method requires read privileges; none granted.",
    100: "Invalid API Key (Key has invalid format)",
    105: "Service currently unavailable",
    106: "Write operation failed",
    111: 'Format "xxx" not found',
    112: 'Method "xxx" not found',
    114: "Invalid SOAP envelope",
    115: "Invalid XML-RPC Method Call",
    116: "Bad URL found",
    201: "Sorry, the Flickr API service is not currently available.",
}
EXPIRED = "Invalid API Key (Key has expired)"
NOT_FOUND = "Invalid API Key (Key not found)"


class Refusal(Exception):
    """A reply with ``stat`` fail."""

    def __init__(self, code: int, message: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message or MESSAGES[code]

    def as_dict(self) -> dict[str, object]:
        """The reply as the JSON form has it."""
        return {"stat": "fail", "code": self.code, "message": self.message}
