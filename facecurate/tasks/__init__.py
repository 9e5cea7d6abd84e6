"""The benchmark's tasks: subsets, heads, cells and tables."""

from facecurate.tasks.evaluate import Cell, Evaluation, Labelled, estimate, evaluate, plan
from facecurate.tasks.finetune import finetune_cell, make_arm
from facecurate.tasks.points import DatasetInfo, dataset_info
from facecurate.tasks.recipe import RECIPES, TASKS, Arm, CellConfig, Recipe
from facecurate.tasks.subsets import Fraction, Subset, parse_fraction, select

__all__ = [
    "RECIPES",
    "TASKS",
    "Arm",
    "Cell",
    "CellConfig",
    "DatasetInfo",
    "Evaluation",
    "Fraction",
    "Labelled",
    "Recipe",
    "Subset",
    "dataset_info",
    "estimate",
    "evaluate",
    "finetune_cell",
    "make_arm",
    "parse_fraction",
    "plan",
    "select",
]
