"""What `wb` knows of the family before a model is loaded; imports no torch."""

from __future__ import annotations

from workbench.models.families.registry import FamilyPlugin

EXAMPLE_VL = FamilyPlugin(
    family="wb_example.family:FAMILY",
    limits={"prefix tuning": "nobody has tried it"},
)
