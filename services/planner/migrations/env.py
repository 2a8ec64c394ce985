"""Runs the planner's migrations."""

from libs.common.db.environment import run

run()
