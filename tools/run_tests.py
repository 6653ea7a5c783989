#!/usr/bin/env python3
"""What ./test runs: stages, each with a log in build/logs/, a summary, a last line of counts."""

import argparse
import collections.abc
import concurrent.futures
import dataclasses
import functools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import xml.etree.ElementTree

import check_house

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "logs"
JOBS = str(os.cpu_count() or 2)
MINUTE = 60.0
FUZZ_SECONDS = 4
TAIL_LINES = 60
FAILURE_LINES = 250
PYTHON = sys.executable


class StageFailed(Exception):
    """The stage cannot go on; its log tells why."""


@dataclasses.dataclass
class Stage:
    """One stage at work: runs commands into its log and counts tests."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def log(self) -> pathlib.Path:
        return LOGS / f"{self.name}.log"

    @property
    def result(self) -> str:
        if self.failed:
            return "FAILED"
        return "ok" if self.passed or not self.skipped else "skipped"

    def say(self, text: str) -> None:
        with self.log.open("a") as log:
            log.write(text.rstrip("\n") + "\n")

    def command(self, *words: object, timeout: float = 20 * MINUTE,
                environment: dict[str, str] | None = None) -> int:
        """Runs to the end, in a process group that is killed whole when it takes too long."""
        line = [str(word) for word in words]
        self.say("$ " + textwrap.shorten(" ".join(line), 1000))
        with self.log.open("a") as log:
            process = subprocess.Popen(line, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=subprocess.STDOUT, start_new_session=True,
                                       env={**os.environ, **(environment or {})})
            try:
                return process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.say(f"took longer than {timeout:.0f} s: killed")
                return 124
            finally:
                end_group(process)

    def must(self, *words: object, **more) -> None:
        if self.command(*words, **more) != 0:
            raise StageFailed(f"`{' '.join(str(word) for word in words)}` failed")

    def check(self, *words: object, **more) -> None:
        """A command that is one test."""
        if self.command(*words, **more) == 0:
            self.passed += 1
        else:
            self.failed += 1

    def count(self, junit: pathlib.Path) -> None:
        """Adds the cases of a JUnit file, which ctest and pytest both write."""
        try:
            cases = list(xml.etree.ElementTree.parse(junit).getroot().iter("testcase"))
        except (OSError, xml.etree.ElementTree.ParseError) as problem:
            raise StageFailed(f"no results: {junit}: {problem}") from problem
        for case in cases:
            name = case.get("name", "?")
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                self.failed += 1
                self.say(f"FAILED: {name}")
            elif skip is not None or case.get("status") in ("disabled", "notrun"):
                # ctest's message only says that it was skipped; GoogleTest's own line says why.
                told = re.search(r": Skipped\n(.+)", case.findtext("system-out") or "")
                why = told[1] if told else "" if skip is None else skip.get("message", "")
                self.skipped.append(f"{name}: {why or 'disabled'}")
            else:
                self.passed += 1
        if not cases:
            raise StageFailed(f"{junit} holds no tests")


def end_group(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def configure(stage: Stage, preset: str) -> pathlib.Path:
    stage.must("cmake", "--preset", preset, timeout=5 * MINUTE)
    return BUILD / preset


def run_ctest(stage: Stage, preset: str, folders: tuple[str, ...] = (), without: str = "") -> None:
    """Builds the preset with its tests and runs them: all, or those of some folders, without those
    whose names match."""
    build = configure(stage, preset)
    programs = [f"cutover_{folder}_test" for folder in folders]
    stage.must("cmake", "--build", "--preset", preset, "-j", JOBS,
               "--target", *(programs or ["tests"]))
    which = ["-R", f"^({'|'.join(folders)})/"] if folders else []
    which += ["-E", without] if without else []
    junit = LOGS / f"{stage.name}.xml"
    junit.unlink(missing_ok=True)
    # One more than there are cores: many of them wait.
    code = stage.command("ctest", "--test-dir", build, "-j", int(JOBS) + 1, "--output-on-failure",
                         "--no-tests=error", "--output-junit", junit, *which)
    stage.count(junit)
    if code != 0 and not stage.failed:
        raise StageFailed("ctest failed")


def run_format(stage: Stage) -> None:
    files = [file for file in check_house.sources() if file.suffix in check_house.CODE]
    stage.check("clang-format-19", "--dry-run", "-Werror", *files)


def run_house(stage: Stage) -> None:
    stage.check(PYTHON, "tools/check_layers.py", "src")
    stage.check(PYTHON, "tools/error_docs.py", "--check")
    stage.check(PYTHON, "tools/check_house.py")


def run_dev(stage: Stage) -> None:
    run_ctest(stage, "dev")


def run_tsan(stage: Stage) -> None:
    """The folders that start threads, or are used by several. What tries every byte or every cut
    of one thread's work takes minutes here and is in `dev`."""
    run_ctest(stage, "tsan", ("base", "config", "package", "transfer", "store", "events",
                              "platform", "platform_emulated", "engine", "agent"),
              without="/Tampering|PowerCut|PowerIsCut")


def run_tidy(stage: Stage) -> None:
    check_with_tidy(stage)


def run_analyzer(stage: Stage) -> None:
    check_with_tidy(stage, "--analyzer")


def check_with_tidy(stage: Stage, *more: str) -> None:
    build = configure(stage, "tidy")
    listed = subprocess.run(["ninja", "-C", build, "-t", "targets", "all"], check=True,
                            capture_output=True, text=True).stdout
    generated = sorted(set(re.findall(r"^(\S+\.pb\.h):", listed, re.MULTILINE)))
    if generated:
        stage.must("ninja", "-C", build, *generated)
    stage.check(PYTHON, "tools/tidy.py", build, "--jobs", JOBS, *more)


def run_smallest(stage: Stage) -> None:
    """The agent without anything that can be left out. As `dev`, so that ccache has most of it."""
    left_out = ("GRUB", "UBOOT", "SYSTEMD_BOOT", "SYSTEMD", "OVERLAY", "EMULATED")
    folder = BUILD / "smallest"
    stage.must("cmake", "--preset", "dev", "-B", folder, "-DBUILD_TESTING=OFF",
               "-DCUTOVER_CONFIG=OFF", "-DCUTOVER_KAFKA=OFF", "-DCUTOVER_METRICS=OFF",
               "-DCUTOVER_DOOR_DMI=OFF", "-DCUTOVER_DOOR_GNOI=OFF",
               *(f"-DCUTOVER_BACKEND_{name}=OFF" for name in left_out),
               timeout=5 * MINUTE)
    stage.must("cmake", "--build", folder, "-j", JOBS, "--target", "cutoverd", "cutover-persist")
    programs = programs_in(folder, "cutoverd")
    stage.check(*programs, "--version")


def run_release(stage: Stage) -> None:
    """What ships, and what ./demo, the integration tests and the benchmark use."""
    configure(stage, "release")
    stage.must("cmake", "--build", "--preset", "release", "-j", JOBS, "--target", "cutover",
               "cutoverd", "cutover-persist", "cutover-view")
    stage.passed += 1


def programs_in(folder: pathlib.Path, pattern: str) -> list[pathlib.Path]:
    return sorted(path for path in folder.rglob(pattern)
                  if path.is_file() and os.access(path, os.X_OK) and not path.suffix
                  and "CMakeFiles" not in path.parts)


def corpus_of(target: pathlib.Path) -> pathlib.Path | None:
    name = re.sub(r"^(cutover_)?(fuzz_)?|_fuzz$", "", target.name)
    for folder in (f"tests/fuzz/corpus/{name}", f"tests/fuzz/{name}",
                   f"tests/fuzz/corpus/{target.name}", f"tests/fuzz/{target.name}_corpus"):
        if (ROOT / folder).is_dir():
            return ROOT / folder
    return None


def run_fuzz(stage: Stage) -> None:
    """A few seconds each with what `dev` has built; for longer with programs made for it."""
    preset = "fuzz" if "CUTOVER_FUZZ_SECONDS" in os.environ else "dev"
    build = configure(stage, preset)
    stage.must("cmake", "--build", "--preset", preset, "-j", JOBS, "--target", "fuzz_targets")
    targets = programs_in(build / "tests" / "fuzz", "*_fuzz")
    if not targets:
        raise StageFailed(f"the preset {preset} built no fuzz target")
    with concurrent.futures.ThreadPoolExecutor(int(JOBS)) as pool:
        parts = list(pool.map(functools.partial(fuzz_one, build / "found"), targets))
    for part in parts:
        stage.say(part.log.read_text(errors="replace"))
        stage.passed += part.passed
        stage.failed += part.failed


def fuzz_one(found: pathlib.Path, target: pathlib.Path) -> Stage:
    part = Stage(f"fuzz-{target.name}")
    part.log.unlink(missing_ok=True)
    seconds = int(os.environ.get("CUTOVER_FUZZ_SECONDS", FUZZ_SECONDS))
    corpus = corpus_of(target)
    if corpus is None:
        part.say(f"{target.name}: no corpus in tests/fuzz/")
        part.failed += 1
        return part
    fresh = found / target.name
    fresh.mkdir(parents=True, exist_ok=True)
    words = ROOT / "tests" / "fuzz" / f"{corpus.name}.dict"
    part.check(target, fresh, corpus, *([f"-dict={words}"] if words.is_file() else []),
               f"-max_total_time={seconds}", "-timeout=10",
               "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={fresh}/",
               timeout=seconds + 2 * MINUTE)
    return part


def run_side_by_side(stage: Stage, name: str, parts: list[list[pathlib.Path | str]],
                     timeout: float = 20 * MINUTE) -> None:
    with concurrent.futures.ThreadPoolExecutor(len(parts)) as pool:
        ended = [pool.submit(run_pytest, stage, f"{name}-{number}", part, timeout)
                 for number, part in enumerate(parts, 1)]
    for number, code in enumerate((part.result() for part in ended), 1):
        stage.count(LOGS / f"{name}-{number}.xml")
        if code != 0 and not stage.failed:
            raise StageFailed(f"pytest ended with exit code {code}")


def run_pytest(stage: Stage, name: str, files: list[pathlib.Path | str],
               timeout: float) -> int:
    """The output goes to the stage's log when it ends, so that it stays together."""
    part = Stage(name)
    part.log.unlink(missing_ok=True)
    junit = LOGS / f"{name}.xml"
    junit.unlink(missing_ok=True)
    code = part.command(PYTHON, "-m", "pytest", *files, "-q", "-ra", "--durations=0",
                        "--durations-min=1", "-p", "no:cacheprovider",
                        f"--junit-xml={junit}", timeout=timeout,
                        environment={"CUTOVER_BIN": str(BUILD / "release")})
    stage.say(part.log.read_text(errors="replace"))
    return code


def run_integration(stage: Stage) -> None:
    """The files side by side: devices mostly wait, for services, boots and each other."""
    folder = ROOT / "tests" / "integration"
    alone = [[folder / name] for name in ("test_power.py", "test_real_content.py")]
    rest = sorted(set(folder.glob("test_*.py")) - {file for part in alone for file in part})
    run_side_by_side(stage, "integration", [*alone, rest[::2], rest[1::2]])


def run_crash(stage: Stage) -> None:
    """Kills the agent at every fault point in turn; the program enumerates them itself. Then looks
    at what power cuts can leave of its writes on a real device."""
    configure(stage, "release")  # what ships, and several times as fast as with sanitizers
    stage.must("cmake", "--build", "--preset", "release", "-j", JOBS, "--target", "crash_sweep",
               "crash_states")
    programs = BUILD / "release" / "tests" / "crash"
    # Some 13,000 points, so that 500 are cut; docs/reliability.md tells of runs of more.
    every = os.environ.get("CUTOVER_CRASH_EVERY")
    stage.check(programs / "crash_sweep", "--every", every or "20")
    quick = [] if every else ["--choices", "4", "--recover-every", "60"]
    stage.check(programs / "crash_states", *quick)
    stage.check(programs / "crash_states", "--lying-disk")


def why_no_machines() -> str:
    """Empty when QEMU can start machines here."""
    if shutil.which("qemu-system-x86_64") is None:
        return "qemu-system-x86_64 is not installed"
    try:
        asked = subprocess.run(["qemu-system-x86_64", "-accel", "help"], capture_output=True,
                               text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as problem:
        return f"QEMU does not run: {problem}"
    if "tcg" not in asked.stdout:
        return "this QEMU has no TCG"
    if shutil.disk_usage(ROOT).free < 6 * 10**9:
        return "machines need 6 GB of free disk space"
    return ""


def run_machines(stage: Stage) -> None:
    """Three machines at a time, for two cores: they wait as much as they compute. The parts take
    about the same time, together 12 minutes; machines half as fast must get to their ends too."""
    if why := why_no_machines():
        stage.skipped.append(f"all of machines: {why}")
        return
    stage.must("cmake", "--build", "--preset", "release", "-j", JOBS, "--target", "boot_tool")
    folder = ROOT / "tests" / "machines"
    stage.must(PYTHON, folder / "reference.py", timeout=10 * MINUTE,
               environment={"CUTOVER_BIN": str(BUILD / "release")})
    cuts = folder / "test_power_cuts.py"
    cut = f"{cuts}::test_a_cut_at_any_write_ends_in_the_old_or_the_new_release"
    faults = [folder / "test_faults.py", folder / "test_boot_loaders.py"]
    rest = sorted(set(folder.glob("test_*.py")) - {cuts, *faults})
    parts = [[f"{cut}[long]"], faults, [*rest, f"{cut}[short]"]]
    # Where that is too short for 30 cuts, the summary says how many there were.
    os.environ["CUTOVER_CUTS_UNTIL"] = str(time.time() + 12 * MINUTE)
    try:
        run_side_by_side(stage, "machines", parts, 20 * MINUTE)
    finally:
        print_times(sorted(LOGS.glob("machines-*.log")))


def print_times(logs: list[pathlib.Path]) -> None:
    """What conftest.py of the machines has noted, and pytest's own for the others."""
    noted = re.compile(r"^ *\d+\.\d s  \S.*|^\d+\.\d+s call .*", re.MULTILINE)
    for log in logs:
        for line in noted.findall(log.read_text(errors="replace")):
            print("  " + line.strip(), flush=True)


STAGES: dict[str, collections.abc.Callable[[Stage], None]] = {
    "format": run_format,
    "house": run_house,
    "release": run_release,
    "integration": run_integration,
    "dev": run_dev,
    "smallest": run_smallest,
    "crash": run_crash,
    "tsan": run_tsan,
    "fuzz": run_fuzz,
    "tidy": run_tidy,
    "analyzer": run_analyzer,
    "machines": run_machines,
}
QUICK = ("format", "house", "dev")
# Not run when that one failed.
NEEDS = {"integration": "release", "crash": "release", "machines": "release"}
BESIDE = ("integration",)  # devices mostly wait: it runs while the stages after it build
# Only when asked for; the build server asks for all.
ASKED_FOR = ("smallest", "tsan", "analyzer", "machines")


def print_tail(stage: Stage) -> None:
    """The end of its log, and what pytest has said of failures before it."""
    log = stage.log.read_text(errors="replace")
    lines = log.splitlines()
    said = re.findall(r"^=+ (?:FAILURES|ERRORS) =+$.*?(?=^=+ [a-z])", log,
                      re.MULTILINE | re.DOTALL)
    told = "\n".join(said).splitlines()
    if told:
        print(f"---- what failed, in {stage.log.relative_to(ROOT)}")
        print("\n".join(told[:FAILURE_LINES]))
    print(f"---- end of {stage.log.relative_to(ROOT)} ({len(lines)} lines)")
    print("\n".join(lines[-TAIL_LINES:]))
    print("----", flush=True)


def run_stage(name: str) -> Stage:
    stage = Stage(name)
    stage.log.unlink(missing_ok=True)
    stage.say(f"stage {name}")
    if sys.stdout.isatty():
        print(f"{name:<12} ...", end="\r", flush=True)
    began = time.monotonic()
    try:
        STAGES[name](stage)
    except StageFailed as problem:
        stage.say(f"stage {name}: {problem}")
        stage.failed += 1
    except OSError as problem:  # a tool is missing
        stage.say(f"stage {name}: {problem}")
        stage.failed += 1
    stage.seconds = time.monotonic() - began
    return stage


def line_of(stage: Stage) -> str:
    return (f"{stage.name:<12} {stage.result:<8} {stage.seconds:8.1f} s "
            f"{stage.passed:6} passed {stage.failed:4} failed {len(stage.skipped):4} skipped")


def print_summary(stages: list[Stage], seconds: float) -> None:
    print("\nSummary")
    for stage in stages:
        print("  " + line_of(stage))
    print(f"  {'total':<12} {'':<8} {seconds:8.1f} s")
    skipped = [(stage.name, what) for stage in stages for what in stage.skipped]
    if skipped:
        print("\nSkipped, and why")
        for stage_name, what in skipped:
            print(f"  {stage_name}: {what}")
    print(f"\n{sum(stage.passed for stage in stages)} passed, "
          f"{sum(stage.failed for stage in stages)} failed, {len(skipped)} skipped")


def run_stages(names: list[str]) -> list[Stage]:
    done: list[Stage] = []
    beside: list[concurrent.futures.Future[Stage]] = []

    def report(stage: Stage) -> None:
        print(line_of(stage), flush=True)
        if stage.failed:
            print_tail(stage)
        done.append(stage)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for name in names:
            need = NEEDS.get(name)
            if any(stage.name == need and stage.failed for stage in done):
                report(Stage(name, skipped=[f"all of {name}: {need} failed"]))
            elif name in BESIDE:
                beside.append(pool.submit(run_stage, name))
            else:
                report(run_stage(name))
        for ended in beside:
            report(ended.result())
    return done


def main() -> int:
    parser = argparse.ArgumentParser(prog="./test", description="Runs every test.")
    parser.add_argument("--quick", action="store_true", help="only " + ", ".join(QUICK))
    parser.add_argument("--only", action="append", metavar="STAGE", choices=STAGES,
                        help="one stage (and what it needs built); may be repeated")
    parser.add_argument("--machines", action="store_true", help="only the tests on machines")
    parser.add_argument("--list", action="store_true", help="print the stages")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(STAGES))
        return 0
    names = list(QUICK if arguments.quick else (name for name in STAGES if name not in ASKED_FOR))
    only = [*(arguments.only or []), *(["machines"] if arguments.machines else [])]
    if only:
        wanted = {*only, *(NEEDS[name] for name in only if name in NEEDS)}
        names = [name for name in STAGES if name in wanted]

    LOGS.mkdir(parents=True, exist_ok=True)
    # What `dev` has compiled serves `smallest` too: only the folder differs.
    os.environ.setdefault("CCACHE_NOHASHDIR", "1")
    began = float(os.environ.get("CUTOVER_TEST_BEGAN", time.time()))
    print(f"{'setup':<12} {'ok':<8} {time.time() - began:8.1f} s", flush=True)
    if shutil.disk_usage(ROOT).free < 8 * 10**9:
        print("warning: less than 8 GB free here; a full run needs about that")
    done = run_stages(names)
    print_summary(done, time.time() - began)
    return 1 if any(stage.failed for stage in done) else 0


if __name__ == "__main__":
    sys.exit(main())
