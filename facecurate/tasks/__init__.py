"""The benchmark's tasks: subsets, heads, cells and tables."""

from facecurate.tasks.finetune import finetune_cell, make_arm
from facecurate.tasks.points import MIRRORS, DatasetInfo, dataset_info
from facecurate.tasks.recipe import RECIPES, TASKS, Arm, CellConfig, Recipe
from facecurate.tasks.subsets import Fraction, Subset, parse_fraction, select

__all__ = [
    "MIRRORS",
    "RECIPES",
    "TASKS",
    "Arm",
    "CellConfig",
    "DatasetInfo",
    "Fraction",
    "Recipe",
    "Subset",
    "dataset_info",
    "finetune_cell",
    "make_arm",
    "parse_fraction",
    "select",
]
