"""The plugin that Airflow loads, from the plugins folder or from the installed package's entry point.

Every Airflow process imports this file, each task included: it imports nothing but Airflow's plugin interface.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from airflow.plugins_manager import AirflowPlugin

log = logging.getLogger(__name__)

_PACKAGE_FOLDER = Path(__file__).resolve().parent


def second_copy(used: Path, plugins_folder: Path) -> Path | None:
    """Return the copy of this package in the plugins folder that Python does not use, or None if there is none.

    An installed package wins over the plugins folder, which Airflow appends to the search path. A copy that lies in
    the plugins folder is then dead code, and an edit of it has no effect.

    Args:
        used: folder of the imported package.
        plugins_folder: Airflow's plugins folder; need not exist.
    """
    other = plugins_folder / used.name
    if not (other / "__init__.py").is_file() or other.samefile(used):
        return None
    return other


class FinetunePlugin(AirflowPlugin):
    """Makes ``airflow_finetune`` visible in ``airflow plugins``; its operators and triggers need no registration."""

    name = "airflow_finetune"

    @classmethod
    def on_load(cls, *_args: Any, **_kwargs: Any) -> None:
        """Say so if two copies of the package are there: the one that is not used misleads whoever reads it."""
        from airflow.configuration import conf

        other = second_copy(_PACKAGE_FOLDER, Path(conf.get_mandatory_value("core", "plugins_folder")))
        if other is not None:
            log.warning(
                "airflow_finetune is here twice: %s is used, %s is not. Remove the one that you do not want: "
                "`pip uninstall airflow-finetune`, or that folder and airflow_finetune_plugin.py beside it.",
                _PACKAGE_FOLDER,
                other,
            )
