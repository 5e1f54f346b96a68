"""Where things lie in a training job: the ``SM_*`` variables of the toolkit, else the folders of AWS's contract."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from .config import Config, build, parse_arguments
from .errors import DataError

ROOT = Path("/opt/ml")


@dataclasses.dataclass(frozen=True)
class Job:
    """The folders of one job.

    Attributes:
        channels: folder of the channels ``model``, ``train`` and maybe ``validation``.
        model_dir: what is left here becomes the model archive.
        output_dir: holds ``failure`` when the job fails.
        checkpoints: None means that checkpoints are off.
        code_dir: the folder of ``train.py``.
    """

    channels: Mapping[str, Path]
    model_dir: Path
    output_dir: Path
    checkpoints: Path | None
    code_dir: Path

    def channel(self, *names: str) -> Path:
        """Returns the folder of the first channel that there is.

        Raises:
            DataError: there is none of them.
        """
        for name in names:
            if name in self.channels:
                return self.channels[name]
        raise DataError(
            f"channel {names[0]}: the job has no such channel (it has: {', '.join(sorted(self.channels)) or 'none'}). "
            f"Add an input named {names[0]} to InputDataConfig."
        )


def hyperparameters(argv: Sequence[str], environ: Mapping[str, str], root: Path = ROOT) -> Mapping[str, object]:
    """Returns the raw hyperparameters: the arguments, else ``SM_HPS``, else the file of the contract."""
    if argv:
        return parse_arguments(argv)
    written = root / "input/config/hyperparameters.json"
    text = environ.get("SM_HPS") or (written.read_text() if written.exists() else "{}")
    found = json.loads(text)
    return found if isinstance(found, dict) else {}


def output_folder(environ: Mapping[str, str], root: Path = ROOT) -> Path:
    """Returns the folder that ``failure`` is written to."""
    return Path(environ.get("SM_OUTPUT_DIR") or root / "output")


def _channels(environ: Mapping[str, str], root: Path) -> dict[str, Path]:
    prefix = "SM_CHANNEL_"
    found = {name[len(prefix) :].lower(): Path(path) for name, path in environ.items() if name.startswith(prefix)}
    if not found and (root / "input/data").is_dir():
        found = {path.name: path for path in sorted((root / "input/data").iterdir()) if path.is_dir()}
    return found


def _checkpoint_folder(config: Config, root: Path) -> Path | None:
    if config.checkpoint_dir:
        folder = Path(config.checkpoint_dir)
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    default = root / "checkpoints"
    return default if default.is_dir() else None


def load(argv: Sequence[str], environ: Mapping[str, str], code_dir: Path, root: Path = ROOT) -> tuple[Config, Job]:
    """Returns the configuration and the folders of this job.

    Raises:
        ConfigError: a hyperparameter cannot be used.
    """
    config = build(hyperparameters(argv, environ, root))
    job = Job(
        channels=_channels(environ, root),
        model_dir=Path(environ.get("SM_MODEL_DIR") or root / "model"),
        output_dir=output_folder(environ, root),
        checkpoints=_checkpoint_folder(config, root),
        code_dir=code_dir,
    )
    return config, job
