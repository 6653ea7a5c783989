#!/usr/bin/env python3
"""clang-tidy over all sources, doing only what changed since it last passed.

    tools/tidy.py BUILD_DIR [--jobs N] [--analyzer] [FILE...]

With --analyzer it is clang's static analyzer, which takes as long as all other checks together.

BUILD_DIR is a configured `tidy` preset. A file that passed leaves a stamp, named by a digest of all
that its result depends on: its text and that of every header of ours it reaches, its compile
command, .clang-tidy, and the version of clang-tidy. Tests are left out unless they are named: they
are judged by running them under the sanitizers, and would double the time.
"""

import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-19"
CHECKS = {False: "--checks=-clang-analyzer-*", True: "--checks=-*,clang-analyzer-*"}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


@functools.lru_cache(maxsize=None)
def text_of(file: pathlib.Path) -> str:
    return file.read_text()


def reached(file: pathlib.Path, folders: tuple[pathlib.Path, ...]) -> list[pathlib.Path]:
    """The file and all headers found beside it or in `folders`, in a fixed order."""
    seen: dict[pathlib.Path, None] = {}
    waiting = [file]
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen[here] = None
        for name in INCLUDE.findall(text_of(here)):
            for folder in (here.parent, *folders):
                if (folder / name).is_file():
                    waiting.append((folder / name).resolve())
                    break
    return list(seen)


def digest(entry: dict, common: bytes) -> str:
    file = pathlib.Path(entry["file"])
    flags = entry.get("command") or " ".join(entry["arguments"])
    folders = tuple(pathlib.Path(folder) for folder in re.findall(r"-I\s*(\S+)", flags))
    total = hashlib.sha256(common)
    total.update(flags.replace(str(ROOT), "").encode())
    for path in reached(file, folders):
        total.update(path.name.encode() + b"\0" + text_of(path).encode() + b"\0")
    return total.hexdigest()


def run_tidy(entry: dict, build: pathlib.Path, checks: str) -> tuple[bool, str, float]:
    began = time.monotonic()
    file = entry["file"]
    command = [TIDY, "--quiet", checks, "-p", str(build), file]
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)
    # The counts of suppressed findings go to stderr, and so do errors of the compiler.
    said = done.stdout + ("" if done.returncode == 0 else done.stderr)
    return done.returncode == 0, said, time.monotonic() - began


def is_test(file: str) -> bool:
    path = pathlib.Path(file).relative_to(ROOT)
    return (path.parts[0] == "tests" or path.stem.endswith("_test")
            or path.stem.startswith(("test_", "fake_")))


def main() -> int:
    parser = argparse.ArgumentParser(description="clang-tidy on what changed since it passed.")
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--analyzer", action="store_true", help="the static analyzer instead")
    parser.add_argument("files", nargs="*", help="only these")
    arguments = parser.parse_args()

    wanted = {str(pathlib.Path(file).resolve()) for file in arguments.files}
    commands = json.loads((arguments.build / "compile_commands.json").read_text())
    entries = [entry for entry in commands if
               not pathlib.Path(entry["file"]).is_relative_to(arguments.build.resolve())
               and (entry["file"] in wanted if wanted else not is_test(entry["file"]))]
    checks = CHECKS[arguments.analyzer]
    version = subprocess.run([TIDY, "--version"], check=True, capture_output=True).stdout
    common = version + (ROOT / ".clang-tidy").read_bytes() + checks.encode()
    stamps = arguments.build / "stamps"
    stamps.mkdir(exist_ok=True)
    todo = [(entry, stamp) for entry in entries
            if not (stamp := stamps / digest(entry, common)).exists()]
    # The largest first: the last one to start must not be the slowest.
    todo.sort(key=lambda item: -pathlib.Path(item[0]["file"]).stat().st_size)

    failures: list[str] = []
    slowest: list[tuple[float, str]] = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        results = pool.map(lambda item: run_tidy(item[0], arguments.build, checks), todo)
        for (entry, stamp), (passed, said, seconds) in zip(todo, results):
            name = os.path.relpath(entry["file"], ROOT)
            slowest.append((seconds, name))
            if passed:
                stamp.touch()
                print(f"ok      {seconds:5.1f} s  {name}", flush=True)
            else:
                failures.append(f"FAILED  {seconds:5.1f} s  {name}\n{said}")
                print(failures[-1], flush=True)
    for seconds, name in sorted(slowest, reverse=True)[:5]:
        print(f"slowest {seconds:5.1f} s  {name}")
    # Again at the end, which is what a build server shows.
    print(*failures, sep="\n", end="")
    print(f"{len(entries)} files: {len(entries) - len(todo)} unchanged, "
          f"{len(todo) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
