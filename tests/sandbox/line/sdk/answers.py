"""Checks answers against LINE's description of its API: the arguments are the description and a file of answers.

Each line of the file is JSON: the operation, the status, the content type and the body in base64.
"""

import base64
import json
import sys

import requests
import schemathesis
from schemathesis.core.transport import Response

schema = schemathesis.openapi.from_path(sys.argv[1])
count = 0
for line in open(sys.argv[2]):
    answer = json.loads(line)
    operation = schema.find_operation_by_id(answer["operation"])
    response = Response(
        status_code=answer["status"],
        headers={"content-type": [answer["content_type"]]},
        content=base64.b64decode(answer["body"]),
        request=requests.Request(operation.method, "http://127.0.0.1/").prepare(),
        elapsed=0.0,
        verify=True,
    )
    operation.validate_response(response)
    assert answer["status"] < 500, answer
    count += 1
print(count)
