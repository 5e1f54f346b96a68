"""AWS's own buckets with the files of the public hub's models."""

from .buckets import JumpStart

__all__ = ["JumpStart"]
