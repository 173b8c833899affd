"""Reads webhooks with the models of LINE's own SDK, and fails at the first that these do not know in full.

Each line of the input is a webhook: its signature, a space, its body.
"""

import sys

from linebot.v3 import WebhookParser
from linebot.v3.exceptions import InvalidSignatureError

parser = WebhookParser("sandbox")

# Each of these has a model of its own for each of its kinds.
BASES = ["Event", "MembershipContent", "Mentionee", "MessageContent", "ModuleContent", "Source"]


def check(value, path):
    """Nothing in a webhook is of a kind that the SDK has no model for."""
    if isinstance(value, list):
        for place, item in enumerate(value):
            check(item, f"{path}[{place}]")
    elif hasattr(value, "__fields__"):
        kind = type(value).__name__
        assert not kind.startswith("Unknown") and kind not in BASES, f"{path} is {kind}: {value}"
        for name in vars(value):
            check(getattr(value, name), f"{path}.{name}")


count = 0
for line in sys.stdin.read().splitlines():
    signature, body = line.split(" ", 1)
    payload = parser.parse(body, signature, as_payload=True)
    check(payload.events, "events")
    count += len(payload.events)
    try:
        parser.parse(body + " ", signature)
        raise AssertionError("a broken signature is taken")
    except InvalidSignatureError:
        pass
print(count)
