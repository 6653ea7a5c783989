#!/usr/bin/env python3
"""Makes docs/errors.md from the ErrorInfo constants in src/**/*errors.h.

    tools/error_docs.py                  write the page
    tools/error_docs.py --check          fail when the page is stale, an id is there twice, an error
                                         is never used, or a remedy names a command that is not one
    tools/error_docs.py --check --cutover build/release/apps/cutover
                                         and ask this program whether it knows those commands
"""

import argparse
import collections
import dataclasses
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "errors.md"

# First words that a remedy may use after `cutover`.
COMMANDS = set(
    """show install upgrade activate commit revert rollback cancel reboot repair events package
    device help uninstall packages patch user audit backup compact config migrate""".split()
)

INTRO = """\
# Errors

<!-- Made by tools/error_docs.py from the errors.h files. Change those, then run it again. -->

Every error that a person can meet has an id that never changes. It is printed as

```
error[package.unsigned]: what failed, outermost first
  cause:  what led to it
  remedy: what to do now
```

and with `--json` as an object with `id`, `kind`, `message`, `cause` and `remedy`. The cause is the
exact one where it is known, and the meaning below where it is not. The kind says what a program can
do about it, and decides the exit code; an operation that had begun always ends with 0 or 1:

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed, and the device is as it was; the message says what was undone |
| 2 | the command line is wrong |
| 3 | refused, nothing was changed |
| 4 | the agent cannot be reached |
| 5 | waiting ended; the operation goes on |
"""


@dataclasses.dataclass(frozen=True)
class ErrorInfo:
    folder: str
    name: str
    id: str
    kind: str
    meaning: str
    remedy: str


STRING = r'"(?:[^"\\]|\\.)*"'
CONSTANT = re.compile(
    r"inline\s+constexpr\s+ErrorInfo\s+(\w+)\s*\{((?:[^\"{}]|" + STRING + r")*)\}\s*;")
FIELD = re.compile(r"\.(\w+)\s*=\s*((?:" + STRING + r"\s*)+|[\w:]+)")
COMMENT = re.compile(r"(" + STRING + r")|//[^\n]*|/\*.*?\*/", re.DOTALL)


def without_comments(source: str) -> str:
    return COMMENT.sub(lambda match: match.group(1) or " ", source)


def value_of(text: str) -> str:
    """The value of one or more string literals side by side, or of an enumerator."""
    if not text.startswith('"'):
        return text.strip().split("::")[-1]
    parts = re.findall(STRING, text)
    return "".join(re.sub(r"\\(.)", r"\1", part[1:-1]) for part in parts)


def parse(folder: str, header: str, source: str) -> list[ErrorInfo]:
    source = without_comments(source)
    infos = []
    for match in CONSTANT.finditer(source):
        fields = {key: value_of(text) for key, text in FIELD.findall(match.group(2))}
        missing = {"id", "kind", "meaning", "remedy"} - fields.keys()
        if missing:
            sys.exit(f"{folder}/{header}: {match.group(1)} lacks {', '.join(sorted(missing))}")
        infos.append(ErrorInfo(folder, match.group(1), *(fields[key] for key in
                                                         ("id", "kind", "meaning", "remedy"))))
    if len(infos) != len(re.findall(r"\bErrorInfo\s+\w+\s*[{=]", source)):
        sys.exit(f"{folder}/{header}: an ErrorInfo is written in a way that this tool cannot read")
    return infos


def all_infos() -> list[ErrorInfo]:
    found = []
    for header in sorted(ROOT.glob("src/**/*errors.h")):
        folder = header.parent.relative_to(ROOT / "src").as_posix()
        found += parse(folder, header.name, header.read_text())
    return found


def page(infos: list[ErrorInfo]) -> str:
    def cell(text: str) -> str:
        return text.replace("|", "\\|").replace("\n", " ")

    lines = [INTRO, *kind_table()]
    by_folder = collections.defaultdict(list)
    for info in infos:
        by_folder[info.folder].append(info)
    for folder, rows in sorted(by_folder.items(), key=lambda item: (item[0] != "base", item[0])):
        lines += [f"## {folder}\n", "| id | kind | meaning | remedy |", "|---|---|---|---|"]
        lines += [f"| `{row.id}` | {row.kind} | {cell(row.meaning)} | {cell(row.remedy)} |"
                  for row in sorted(rows, key=lambda row: row.id)]
        lines.append("")
    return "\n".join(lines)


def kind_table() -> list[str]:
    """The exit code of each kind, as the command line has them."""
    source = ROOT / "src" / "cli" / "exit_code.cpp"
    if not source.exists():
        return []
    codes = re.findall(r"Row\{Errc::(\w+), ExitCode::(\w+)\}", source.read_text())
    by_code = collections.defaultdict(list)
    for kind, code in codes:
        by_code[code].append(kind)
    return ["| exit code | kinds |", "|---|---|",
            *(f"| {code.replace('_', ' ')} | {', '.join(kinds)} |"
              for code, kinds in by_code.items()), ""]


def never_used(infos: list[ErrorInfo]) -> list[ErrorInfo]:
    words = set()
    for file in [*ROOT.glob("src/**/*"), *ROOT.glob("apps/**/*")]:
        if file.suffix in (".h", ".cpp") and not file.name.endswith("errors.h") \
                and not file.name.endswith("_test.cpp"):
            words.update(re.findall(r"\berrors::(\w+)", without_comments(file.read_text())))
    return [info for info in infos if info.name not in words]


def command_problems(infos: list[ErrorInfo], cutover: str | None) -> list[str]:
    problems = []
    asked: dict[tuple[str, ...], bool] = {}
    for info in infos:
        for command in re.findall(r"`cutover ([^`]+)`", info.remedy):
            words = tuple(word for word in command.split()[:2] if re.fullmatch(r"[a-z-]+", word)
                          and not word.startswith("-"))
            if not words:
                continue
            if words[0] not in COMMANDS:
                problems.append(f"{info.id}: there is no command `cutover {words[0]}`")
            elif cutover:
                if words not in asked:
                    asked[words] = subprocess.run([cutover, *words, "--help"], check=False,
                                                  stdin=subprocess.DEVNULL,
                                                  capture_output=True).returncode == 0
                if not asked[words]:
                    problems.append(f"{info.id}: {cutover} has no `{' '.join(words)}`")
    return problems


def problems_of(infos: list[ErrorInfo], cutover: str | None = None) -> list[str]:
    problems = []
    counts = collections.Counter(info.id for info in infos)
    problems += [f"{error_id}: given to {count} errors" for error_id, count in counts.items()
                 if count > 1]
    problems += [f"{info.id}: '{info.id}' is not of the form folder.what" for info in infos
                 if not re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", info.id)]
    problems += [f"{info.id}: the {field} is not a sentence" for info in infos
                 for field in ("meaning", "remedy") if not getattr(info, field).endswith(".")]
    problems += [f"{info.id}: errors::{info.name} is never used" for info in never_used(infos)]
    problems += command_problems(infos, cutover)
    if not PAGE.exists() or PAGE.read_text() != page(infos):
        problems.append("docs/errors.md is stale: run tools/error_docs.py")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes docs/errors.md, or checks it.")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--cutover", help="the program to ask whether it knows a remedy's command")
    arguments = parser.parse_args()
    infos = all_infos()
    if not arguments.check:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(infos))
        print(f"{PAGE.relative_to(ROOT)}: {len(infos)} errors")
        return 0
    problems = problems_of(infos, arguments.cutover)
    print("\n".join(problems) or f"{len(infos)} errors documented, each used")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
