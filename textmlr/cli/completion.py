"""textmlr completion: a script with which a shell completes verbs, options, models and labels.

The shell asks by running ``textmlr`` with the environment variable _TEXTMLR_COMPLETE (Click's
protocol), which ``answer`` answers.  What has no values of its own is completed as a file, by the
shell itself.
"""

from __future__ import annotations

import os
import re
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    shell_complete,
)

from textmlr.cli.verb import Verb

VARIABLE = "_TEXTMLR_COMPLETE"
SHELLS = ("bash", "zsh", "fish")

_BASH = r"""# Completion of textmlr for bash 4.4 and later.  To have it in every new shell:
#   mkdir -p ~/.local/share/bash-completion/completions
#   textmlr completion bash > ~/.local/share/bash-completion/completions/textmlr
# or, in ~/.bashrc:  eval "$(textmlr completion bash)"
%(complete_func)s() {
    local IFS=$'\n'
    mapfile -t COMPREPLY < <(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" \
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
    [[ -n "${COMPREPLY[0]}" ]] || COMPREPLY=()
}
complete -o bashdefault -o default -o nosort -F %(complete_func)s %(prog_name)s
"""
_ZSH = r"""#compdef %(prog_name)s
# Completion of textmlr for zsh.  To have it in every new shell:
#   mkdir -p ~/.zfunc
#   textmlr completion zsh > ~/.zfunc/_textmlr
# and in ~/.zshrc:  fpath+=~/.zfunc; autoload -Uz compinit; compinit
%(complete_func)s() {
    local -a found
    found=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \
        %(complete_var)s=zsh_complete ${words[1]} 2>/dev/null)}")
    if [[ -n "$found" ]]; then
        _describe -V textmlr found
    else
        _files
    fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""
_FISH = r"""# Completion of textmlr for fish.  To have it in every new shell:
#   textmlr completion fish > ~/.config/fish/completions/textmlr.fish
function %(complete_func)s
    set -l found (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp) \
        COMP_CWORD=(commandline -t) (commandline -opc)[1] 2>/dev/null)
    if test -n "$found[1]"
        printf '%%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete --no-files --command %(prog_name)s --arguments '(%(complete_func)s)'
"""


class _Bash(BashComplete):
    """Values as bash puts them into the command line: quoted, unless a quote is open."""

    source_template = _BASH

    def source(self) -> str:
        """The script; it needs no bash to be printed."""
        return self.source_template % self.source_vars()

    def format_completion(self, item: CompletionItem[Any]) -> str:
        words = os.environ["COMP_WORDS"].split("\n")
        number = int(os.environ["COMP_CWORD"])
        is_open = number < len(words) and words[number].startswith(("'", '"'))
        return str(item.value) if is_open else re.sub(r"([^\w@%+=:,./-])", r"\\\1", item.value)


class _Zsh(ZshComplete):
    """Values and what they mean; zsh quotes them."""

    source_template = _ZSH

    def format_completion(self, item: CompletionItem[Any]) -> str:
        value = str(item.value).replace("\\", "\\\\").replace(":", "\\:")
        return f"{value}:{item.help}" if item.help else value


class _Fish(FishComplete):
    """Values and what they mean; fish quotes them."""

    source_template = _FISH

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.value}\t{item.help}" if item.help else str(item.value)


def answer(cli: click.Command, instruction: str) -> int:
    """Print what a shell asks for, and return the exit code.

    instruction  such as bash_complete or bash_source
    """
    for shell in (_Bash, _Zsh, _Fish):
        add_completion_class(shell)
    return shell_complete(cli, {}, "textmlr", VARIABLE, instruction)


@click.command(cls=Verb, compiles=False)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print a script that completes commands in your shell.

    Verbs, options, formats, model files and labels are completed. The script's first lines say
    where to keep it.

    \b
    Examples:
      textmlr completion bash > ~/.local/share/bash-completion/completions/textmlr
      textmlr completion zsh > ~/.zfunc/_textmlr
      textmlr completion fish > ~/.config/fish/completions/textmlr.fish
    """
    root = click.get_current_context().find_root().command
    answer(root, f"{shell}_source")
