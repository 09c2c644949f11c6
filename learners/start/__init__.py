"""Recipes: what a network is fitted to on the history, before the stream. One file each."""

from __future__ import annotations

from learners.start.base import RECIPES, Recipe, WindowedRecipe

__all__ = ["RECIPES", "Recipe", "WindowedRecipe"]
