"""Reads objects with the models of LINE's own SDK, and fails at the first that these do not know in full.

Each line of the input is JSON: the name of a model, and an object.
"""

import json
import sys

from linebot.v3 import messaging

count = 0
for line in sys.stdin:
    model, sent = json.loads(line)
    read = getattr(messaging, model).from_dict(sent)
    assert read.to_dict() == sent, f"{sent} is read as {read.to_dict()}"
    count += 1
print(count)
