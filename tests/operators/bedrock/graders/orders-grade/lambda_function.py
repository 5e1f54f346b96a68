"""A grader: the shorter an answer, the better."""


def lambda_handler(event, context):
    return [
        {"id": each["id"], "aggregate_reward_score": 1 / (1 + len(each["messages"][-1]["content"]))} for each in event
    ]
