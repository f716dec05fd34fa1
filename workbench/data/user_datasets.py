"""The datasets that the user added, as providers: each by its mapping, opened by its kind.

Guarantee: what is wrong with a mapping is in its `info().error`, and keeps no other from being
listed.
"""

from __future__ import annotations

from pathlib import Path

from workbench.data.base import DatasetInfo
from workbench.data.tables.mapping import TableMapping, datasets_dir, load_mapping, mapping_path
from workbench.data.tables.table import TableSource, info_of
from workbench.errors import DataError, UsageError


class TableDataset:
    """The provider of one added dataset."""

    def __init__(self, name: str, path: Path | None = None) -> None:
        self.name = name
        self.path = path or mapping_path(name)

    def mapping(self) -> TableMapping:
        """Its mapping. Raises `DataError` where the file is damaged."""
        return load_mapping(self.path)

    def info(self) -> DatasetInfo:
        """See `base.Dataset.info`."""
        try:
            mapping = self.mapping()
            if mapping.kind == "hub":
                from workbench.data.hub.dataset import hub_info

                return hub_info(mapping)
            return info_of(mapping)
        except DataError as error:
            return DatasetInfo(name=self.name, where=str(self.path), error=error.message)

    def open(self, split: str) -> TableSource:
        """See `base.Dataset.open`."""
        mapping = self.mapping()
        if mapping.kind == "hub":
            from workbench.data.hub.dataset import open_hub

            return open_hub(mapping, split)
        return TableSource(mapping, split)


def has_table(name: str) -> bool:
    """Whether a dataset of that name was added; any text may be asked about."""
    try:
        return mapping_path(name).is_file()
    except (UsageError, OSError):
        return False


def table_datasets() -> dict[str, TableDataset]:
    """The added datasets by name."""
    try:
        paths = sorted(datasets_dir().glob("*.toml"))
    except OSError:
        return {}
    return {path.stem: TableDataset(path.stem, path) for path in paths}
