#!/usr/bin/env python3
"""House rules that clang-format and clang-tidy do not know.

Exceptions only in the adapters named below, files of at most 500 lines, lines of at most 100
columns, no TODO, every error named in an errors.h (or x_errors.h), and every test in a
CMakeLists.txt, for one that is not built cannot fail.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Adapters to libraries that throw: file -> the library. A function in one of these turns an
# exception into a Result or ends the process; nothing else may say throw, try or catch.
ADAPTERS = {
    "apps/cutover.cpp": "the standard library and fmt, at the end of the program",
    "apps/cutover_view.cpp": "CLI11 and fmt, at the end of the program",
    "apps/cutoverd.cpp": "CLI11 and fmt, at the end of the program",
    "apps/cutover_persist.cpp": "CLI11 and fmt, at the end of the program",
    "tests/crash/crash_sweep.cpp": "CLI11 and fmt, at the end of the program",
    "src/backends/overlay/shown_layers.cpp": "nlohmann-json",
    "src/base/log.cpp": "spdlog",
    "src/cli/run.cpp": "CLI11",
    "src/doors/metrics/metrics_door.cpp": "civetweb, below prometheus-cpp",
    "src/doors/native/convert_test.cpp": "protobuf's reflection",
    "src/engine/evidence.cpp": "nlohmann-json",
    "src/store/documents.cpp": "nlohmann-json",
    "src/model/toml_table.cpp": "toml++",
}

MAX_LINES = 500
MAX_COLUMNS = 100
CODE = (".h", ".cpp")
LINE_CHECKED = (*CODE, ".py", ".proto", ".sh", ".toml", "")
NOT_OURS = ("LICENSE",)
LITERAL_OR_COMMENT = re.compile(
    r'R"(?P<d>[^()\\ ]{0,16})\(.*?\)(?P=d)"|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\''
    r"|//[^\n]*|/\*.*?\*/", re.DOTALL)


def sources() -> list[pathlib.Path]:
    """All files of the project: what git knows, and what it would take."""
    try:
        listed = subprocess.run(
            ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True, capture_output=True, text=True).stdout.split("\0")
        names = sorted(set(filter(None, listed)))
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive
        names = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*")
                       if not {"build", ".git"} & set(path.relative_to(ROOT).parts))
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def text_of(file: pathlib.Path) -> str | None:
    try:
        return file.read_text()
    except UnicodeDecodeError:
        return None  # a corpus, a golden file


def blank(match: re.Match) -> str:
    """Nothing but the line ends, so that line numbers stay."""
    return "\n" * match.group(0).count("\n") or " "


def exception_words(name: str, text: str) -> list[str]:
    if name in ADAPTERS:
        return []
    code = LITERAL_OR_COMMENT.sub(blank, text)
    return [f"{name}:{number}: `{word.group(1)}` outside an adapter (tools/check_house.py)"
            for number, line in enumerate(code.splitlines(), 1)
            for word in re.finditer(r"\b(throw|try|catch)\b", line)]


def problems_of(file: pathlib.Path) -> list[str]:
    name = file.relative_to(ROOT).as_posix()
    text = text_of(file)
    if text is None or name in NOT_OURS:
        return []
    problems = []
    lines = text.splitlines()
    is_code = file.suffix in CODE
    is_text = file.suffix in LINE_CHECKED and not file.name.startswith(".")
    if is_text:
        problems += [f"{name}:{number}: {len(line)} columns, at most {MAX_COLUMNS}"
                     for number, line in enumerate(lines, 1) if len(line) > MAX_COLUMNS]
    if is_code and name.startswith("src/") and len(lines) > MAX_LINES:
        problems.append(f"{name}: {len(lines)} lines, at most {MAX_LINES}: it holds two ideas")
    if file != pathlib.Path(__file__).resolve() and is_text:
        problems += [f"{name}:{number}: finish it or write it down elsewhere: {line.strip()}"
                     for number, line in enumerate(lines, 1)
                     if re.search(r"\b(TODO|FIXME|XXX)\b", line)]
    if is_code and name.startswith(("src/", "apps/")):
        problems += exception_words(name, text)
        if not file.name.endswith("errors.h") and re.search(r"\bconstexpr\s+ErrorInfo\s", text):
            problems.append(f"{name}: an ErrorInfo outside an errors.h is not documented")
    return problems


def unbuilt_tests(files: list[pathlib.Path]) -> list[str]:
    """Tests that no CMakeLists.txt of their folder, or of the one above it, names."""
    problems = []
    for file in files:
        if not file.name.endswith("_test.cpp"):
            continue
        lists = [folder / "CMakeLists.txt" for folder in (file.parent, file.parent.parent)]
        if not any(re.search(rf"\b{re.escape(file.name)}", text_of(listed) or "")
                   for listed in lists if listed.exists()):
            problems.append(f"{file.relative_to(ROOT).as_posix()}: no CMakeLists.txt builds it")
    return problems


def main() -> int:
    files = sources()
    problems = [problem for file in files for problem in problems_of(file)]
    problems += unbuilt_tests(files)
    problems += [f"{name}: in ADAPTERS, but not there" for name in ADAPTERS
                 if not (ROOT / name).exists()]
    print("\n".join(problems) or f"{len(files)} files keep to the house rules")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
