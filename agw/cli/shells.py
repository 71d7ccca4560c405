"""Completion scripts, static: the words are in the script, so that a Tab starts no Python.

Generated from the click commands themselves, hence never another truth than `--help`. Must not: import a command's
work, only its flags.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import click

SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True, slots=True)
class Flag:
    """An option. value: "" takes none, "file" a path, "words" one of `words`, "text" anything else."""

    names: tuple[str, ...]
    help: str
    value: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verb:
    """A subcommand. words: what its first argument may be, where it takes one of few."""

    name: str
    summary: str
    flags: tuple[Flag, ...]
    words: tuple[str, ...] = ()


_FILES = frozenset({"files", "write"})  # parameters that are paths


def verbs(group: click.Group, summaries: Mapping[str, str]) -> tuple[Verb, ...]:
    """Return the group's commands with their flags."""
    found = []
    for name, summary in summaries.items():
        command = group.get_command(click.Context(group), name)
        if command is None:
            raise KeyError(name)
        context = click.Context(command, info_name=name)
        parameters = command.get_params(context)
        flags = tuple(_flag(option) for option in parameters if isinstance(option, click.Option) and not option.hidden)
        found.append(Verb(name, summary, flags, _argument_words(parameters)))
    return tuple(found)


def _argument_words(parameters: list[click.Parameter]) -> tuple[str, ...]:
    for parameter in parameters:
        if isinstance(parameter, click.Argument) and isinstance(parameter.type, click.Choice):
            return tuple(map(str, parameter.type.choices))
    return ()


def _flag(option: click.Option) -> Flag:
    names, text = tuple(option.opts), (option.help or "").partition(" [")[0].rstrip(".")
    if option.is_flag or option.count:
        return Flag(names, text)
    if isinstance(option.type, click.Choice):
        return Flag(names, text, "words", tuple(map(str, option.type.choices)))
    if option.name in _FILES:
        return Flag(names, text, "file")
    choices = tuple((option.metavar or "").split("|"))
    return Flag(names, text, "words", choices) if len(choices) > 1 else Flag(names, text, "text")


def script(shell: str, commands: tuple[Verb, ...]) -> str:
    """Return the script of one of SHELLS."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](commands)


_BASH = """\
# bash completion of agw. To use it: agw completion bash > ~/.local/share/bash-completion/completions/agw
_agw() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" verb="${{COMP_WORDS[1]}}"
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{verbs} --help --version" -- "$word"))
        return
    fi
    case "$verb $before" in
{values}
    esac
    case "$verb" in
{flags}
    esac
}}
complete -F _agw agw
"""


def _bash(commands: tuple[Verb, ...]) -> str:
    values, flags = [], []
    for verb in commands:
        for flag in verb.flags:
            pattern = "|".join(f"'{verb.name} {name}'" for name in flag.names)
            if flag.value == "file":
                values.append(f'        {pattern}) COMPREPLY=($(compgen -f -- "$word")); return ;;')
            elif flag.value == "words":
                words = " ".join(flag.words)
                values.append(f'        {pattern}) COMPREPLY=($(compgen -W "{words}" -- "$word")); return ;;')
            elif flag.value:
                values.append(f"        {pattern}) return ;;")
        words = " ".join((*verb.words, *(name for flag in verb.flags for name in flag.names)))
        flags.append(f'        {verb.name}) COMPREPLY=($(compgen -W "{words}" -- "$word")) ;;')
    names = " ".join(verb.name for verb in commands)
    return _BASH.format(verbs=names, values="\n".join(values), flags="\n".join(flags))


_ZSH = """\
#compdef agw
# zsh completion of agw. To use it: agw completion zsh > a file _agw in a folder of $fpath
_agw() {{
    local -a verbs
    verbs=(
{verbs}
    )
    if (( CURRENT == 2 )); then
        _describe command verbs
        return
    fi
    local verb=$words[2]
    shift words
    (( CURRENT-- ))
    case $verb in
{cases}
    esac
}}
if [ "$funcstack[1]" = "_agw" ]; then _agw "$@"; else compdef _agw agw; fi
"""


def _zsh(commands: tuple[Verb, ...]) -> str:
    listed = "\n".join(f"        {_quoted(verb.name + ':' + verb.summary)}" for verb in commands)
    cases = []
    for verb in commands:
        specs = [_zsh_flag(flag, name) for flag in verb.flags for name in flag.names]
        if verb.words:
            specs.append(_quoted(f"1:argument:({' '.join(verb.words)})"))
        lines = "".join(f" \\\n                {spec}" for spec in specs)
        cases.append(f"        {verb.name})\n            _arguments{lines}\n            ;;")
    return _ZSH.format(verbs=listed, cases="\n".join(cases))


def _zsh_flag(flag: Flag, name: str) -> str:
    text = flag.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
    action = {"": "", "file": ":path:_files", "words": f":word:({' '.join(flag.words)})", "text": ":value:"}[flag.value]
    return _quoted(f"*{name}[{text}]{action}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_FISH = """\
# fish completion of agw. To use it: agw completion fish > ~/.config/fish/completions/agw.fish
complete -c agw -f
complete -c agw -n __fish_use_subcommand -l help -d 'Show the help'
complete -c agw -n __fish_use_subcommand -l version -d 'Show the version'
"""


def _fish(commands: tuple[Verb, ...]) -> str:
    lines = []
    for verb in commands:
        lines.append(f"complete -c agw -n __fish_use_subcommand -a {verb.name} -d {_fish_quoted(verb.summary)}")
        seen = f"complete -c agw -n '__fish_seen_subcommand_from {verb.name}'"
        if verb.words:
            lines.append(f"{seen} -a '{' '.join(verb.words)}'")
        for flag in verb.flags:
            names = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in flag.names)
            value = {"": "", "file": " -r -F", "words": f" -x -a '{' '.join(flag.words)}'", "text": " -x"}[flag.value]
            lines.append(f"{seen} {names}{value} -d {_fish_quoted(flag.help)}")
    return _FISH + "\n".join(lines) + "\n"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
