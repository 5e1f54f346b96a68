"""Stands for a Lambda function that grades: a process that reads an event a line and writes its answer a line.

``python grade.py FOLDER`` calls ``lambda_handler(event, context)`` of FOLDER's ``lambda_function.py``. Standard library
only. What the function prints goes to the log. What it raises is answered as Lambda answers it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path.insert(0, sys.argv[1])
    function = importlib.import_module("lambda_function").lambda_handler
    for line in sys.stdin:
        try:
            answer = {"answer": function(json.loads(line), None)}
            text = json.dumps(answer)
        except Exception as error:  # whatever a function raises is Lambda's answer
            text = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
        answers.write(text + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
