"""A grader with a mistake."""


def lambda_handler(event, context):
    raise KeyError("no")
