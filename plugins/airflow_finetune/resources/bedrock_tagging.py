"""How Bedrock tags: pairs in lower case, listed and added by ARN."""

from __future__ import annotations

from airflow_finetune.resources.resource import Tagging


def bedrock_tagging(member: str, *also: str) -> Tagging:
    """Return where the tags of a resource go.

    Args:
        member: of its create request.
        also: more members of that request: tags of what the resource makes.
    """
    return Tagging(
        member=member,
        key="key",
        value="value",
        list="ListTagsForResource",
        add="TagResource",
        arn="resourceARN",
        listed="tags",
        also=also,
    )
