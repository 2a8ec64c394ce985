"""Every way in which a command can end becomes words and an exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.stella.lazy import Branch, Leaf
from cli.stella.tree import TREE
from cli.stella.version import VERSION
from tests.kit.stella import REPOSITORY, stella, stella_process


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


def leaves(branch: Branch, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Leaf]]:
    for name, child in branch.children.items():
        if isinstance(child, Branch):
            yield from leaves(child, (*path, name))
        else:
            yield (*path, name), child


LEAVES = list(leaves(TREE))
NAMES = [" ".join(path) for path, _ in LEAVES]


def test_an_unknown_command_is_answered_with_the_nearest(config: Path) -> None:
    ended = stella("exprt", config=config)
    assert ended.code == 2
    assert "error: No such command 'exprt'. (ERR_STELLA_USAGE)\n" in ended.err
    assert "Did you mean `export`?" in ended.err


def test_an_unknown_command_of_a_group_is_answered_with_the_nearest(config: Path) -> None:
    assert "Did you mean `run`?" in stella("export", "rnu", config=config).err


def test_an_unknown_option_is_answered_with_the_nearest(config: Path) -> None:
    assert "`--format`" in stella("version", "--formt", "json", config=config).err


def test_an_error_is_one_json_object_where_json_was_asked_for(config: Path) -> None:
    ended = stella("context", "show", "nowhere", "--format", "json", config=config)
    assert (ended.code, ended.out) == (4, "")
    error = json.loads(ended.err)["error"]
    assert (error["code"], error["exitCode"]) == ("ERR_STELLA_CONTEXT", 4)


def test_a_group_without_a_verb_shows_its_help(config: Path) -> None:
    ended = stella("export", "run", config=config)
    assert ended.code == 2
    assert "Usage: stella export run" in ended.out + ended.err


def test_the_version_is_that_of_the_distribution() -> None:
    assert f'\nversion = "{VERSION}"\n' in (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(("path", "leaf"), LEAVES, ids=NAMES)
def test_a_command_opens_with_the_line_that_lists_it(path: tuple[str, ...], leaf: Leaf) -> None:
    command = leaf.load()
    assert path[-1] == command.name
    assert leaf.summary == (command.help or "").split("\n")[0]


@pytest.mark.parametrize(("path", "leaf"), LEAVES, ids=NAMES)
def test_a_command_shows_examples_that_can_be_parsed(path: tuple[str, ...], leaf: Leaf, config: Path) -> None:
    command = leaf.load()
    if path == ("version",):
        return
    examples = [line.strip() for line in (command.help or "").split("\n") if line.startswith("  stella ")]
    assert examples
    for example in examples:
        words = example.partition(" > ")[0].split()
        assert ("stella", *path) == tuple(words[: len(path) + 1])
        command.make_context(" ".join(words[: len(path) + 1]), words[len(path) + 1 :]).close()
    assert not config.exists()


@pytest.mark.parametrize(("path", "leaf"), LEAVES, ids=NAMES)
def test_every_option_says_what_it_is_for(path: tuple[str, ...], leaf: Leaf) -> None:
    silent = [
        option.name for option in leaf.load().params if isinstance(option, click.Option) and not option.help
    ]
    assert silent == [], path


def test_context_commands_tell_one_story(config: Path) -> None:
    added = stella(
        "context", "add", "lab", "--server", "https://lab.example/", "--tenant", "t", config=config
    )
    assert (added.code, added.err) == (0, "Context `lab` is added; in use: `lab`.\n")
    stella("context", "add", "field", "--server", "https://field.example", "--use", config=config)
    listed = stella("context", "list", "--columns", "context,in-use,server", config=config)
    assert listed.out == (
        "CONTEXT  IN-USE  SERVER\n"
        "field    yes     https://field.example\n"
        "lab      -       https://lab.example\n"
    )
    assert "lab" in stella("context", "use", "-", config=config).err
    resolved = stella("context", "show", "--resolved", "--json", config=config, STELLA_TENANT="mine")
    assert json.loads(resolved.out)["tenant"] == {"value": "mine", "origin": "STELLA_TENANT"}
    assert (
        stella("context", "remove", "lab", config=config).out
        + (stella("context", "list", "--format", "name", config=config).out)
        == "field\n"
    )


def test_a_token_is_never_shown(config: Path) -> None:
    shown = stella("context", "show", "--resolved", config=config, STELLA_TOKEN="canary-token")
    assert "canary-token" not in shown.out + shown.err


def test_yaml_is_what_json_is(config: Path) -> None:
    stella("context", "add", "lab", "--server", "https://lab.example", config=config)
    shown = stella("context", "show", "--format", "yaml", config=config)
    assert shown.out.partition("tenant")[0] == "name: lab\ncurrent: true\nserver: https://lab.example\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(shell: str, config: Path) -> None:
    assert "_STELLA_COMPLETE" in stella("completion", shell, config=config).out


def test_completion_knows_the_nouns(config: Path) -> None:
    words = {"_STELLA_COMPLETE": "bash_complete", "COMP_WORDS": "stella export ", "COMP_CWORD": "2"}
    ended = stella_process(config=config, **words)
    assert {"profile", "run", "download"} <= {line.partition(",")[2] for line in ended.out.splitlines()}
