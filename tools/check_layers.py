#!/usr/bin/env python3
"""Fails when a folder of src/ includes a folder that ARCHITECTURE.md does not allow it to see."""

import pathlib
import re
import sys

# folder: the folders it may include, itself and base left out.
ALLOWED = {
    "base": set(),
    "model": set(),
    "config": {"model", "crypto", "store", "platform"},
    "crypto": {"model"},
    "package": {"model", "crypto"},
    "transfer": {"model", "crypto", "package"},
    "store": {"model"},
    "backup": {"model", "crypto", "package", "store"},
    "platform": {"model"},
    "platform/layering": {"model", "platform", "package", "crypto"},
    "platform/emulated": {"model", "platform", "platform/layering", "package", "crypto"},
    "backends/block": {"model", "crypto", "platform"},
    "backends/machine": {"model", "platform"},
    "backends/overlay": {"model", "crypto", "platform", "platform/layering"},
    "backends/systemd": {"model", "platform"},
    "backends/boot_record": {"model", "platform"},
    "backends/grub": {"model", "platform", "backends/boot_record"},
    "backends/uboot": {"model", "platform", "backends/boot_record"},
    "backends/systemd_boot": {"model", "platform"},
    "events": {"model", "store"},
    "backends/kafka": {"model", "store", "events"},
    "engine": {"model", "crypto", "package", "transfer", "store", "backup", "platform", "events"},
    "access": {"model", "crypto"},
    "agent": {"model", "crypto", "package", "transfer", "store", "backup", "platform", "events",
              "engine"},
    "authoring": {"model", "crypto", "package"},
    "doors/native": {"model", "access", "doors/outer"},
    "doors/client": {"model", "access", "doors/native"},
    "doors/outer": {"model", "access"},
    "doors/dmi": {"model", "access", "doors/outer"},
    "doors/gnoi": {"model", "access", "doors/outer"},
    "doors/metrics": {"model"},
    "doors/bus": {"model", "store", "events", "doors/dmi"},
    "cli": {"model"},
}
NESTED = ("backends", "doors", "platform")


def folder_of(path: str) -> str:
    parts = pathlib.PurePosixPath(path).parent.parts
    return "/".join(parts[:2] if parts[0] in NESTED else parts[:1])


def main(root: pathlib.Path) -> int:
    problems = []
    for file in sorted([*root.rglob("*.h"), *root.rglob("*.cpp")]):
        name = file.relative_to(root).as_posix()
        here = folder_of(name)
        if here not in ALLOWED:
            problems.append(f"{name}: folder '{here}' has no row in ALLOWED")
            continue
        for included in re.findall(r'^#include "([^"]+)"', file.read_text(), re.MULTILINE):
            if "/" not in included or not (root / included).exists():
                continue  # generated from proto/, or the compiler will say so
            there = folder_of(included)
            if there not in ALLOWED[here] | {here, "base"}:
                problems.append(f"{name}: {here} may not include {included}")
    print("\n".join(problems) or f"{len(ALLOWED)} folders keep to their layers")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
