"""The company that serves on Bedrock, asking what bills."""

from __future__ import annotations

# A fixture of another folder, used here by its name; it takes the one of the folder above.
from tests.serving.bedrock.conftest import hosts as hosts
