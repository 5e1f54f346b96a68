"""A grader whose rewards are no rewards."""


def lambda_handler(event, context):
    return [{"id": each["id"], "aggregate_reward_score": 7} for each in event]
