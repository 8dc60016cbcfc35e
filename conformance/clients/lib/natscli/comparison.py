"""Playing the same against two servers, and showing where natscli's outputs differ."""

import concurrent.futures
import difflib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from .side import STOP

NATSCLI = "github.com/nats-io/natscli/nats@v0.5.1"


def step(side, part, *arguments):
    """Plays a part; one that breaks leaves the reason in place of the outputs that are missing."""
    try:
        part(side, *arguments)
    except (OSError, TimeoutError, LookupError, ValueError) as error:
        side.outputs[f"step {part.__name__}"] = f"{type(error).__name__}: {error}\n"


def compare(label, real, mock):
    failed = 0
    for name in dict.fromkeys([*real, *mock]):
        wanted, got = real.get(name, "not run\n"), mock.get(name, "not run\n")
        broken = name.startswith("step ")
        if wanted == got and not broken:
            print(f"{label}: ok   {name}")
            continue
        failed += 1
        print(f"{label}: FAIL {name}")
        lines = difflib.unified_diff(wanted.splitlines(), got.splitlines(), "real", "mock", lineterm="", n=2)
        print("\n".join(f"    {line}" for line in lines) or f"    both: {got.strip()}")
    return failed


def report_hidden(label, one, other):
    """Lists what a placeholder stands for although two runs of a real server agreed on it every time."""
    for place, values in sorted(one.items()):
        if values == other.get(place):
            print(f"{label}: hidden though equal {len(values)} times: {place} for {', '.join(sorted(set(values))[:5])}")


def install(scratch):
    if given := os.environ.get("NATS"):
        return given
    target = scratch / "natscli"
    if not (target / "nats").exists():
        subprocess.run(["go", "install", NATSCLI], check=True, env={**os.environ, "GOBIN": str(target)})
    return str(target / "nats")


def keep(label, folder, sides):
    for side, outputs in sides.items():
        text = "".join(f"=== {name}\n{output}" for name, output in outputs.items())
        pathlib.Path(folder, f"{label}.{side}.txt").write_text(text)


def main(usage, label, record):
    """Compares what `record(nats, command, folder, is_real)` gives for the programs of the command line: the outputs of
    all commands, and what was hidden in them."""
    if len(sys.argv) < 3:
        print(usage, file=sys.stderr)
        return 2
    alone = sys.argv[1] == "--self"
    one = [os.path.realpath(sys.argv[2 if alone else 1])]
    other = one if alone else [os.path.realpath(sys.argv[2]), *sys.argv[3:]]
    # A request to stop must reach the clean-up below.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    run = pathlib.Path(tempfile.mkdtemp(prefix=f"{label}-"))
    try:
        nats = install(pathlib.Path(os.environ.get("SCRATCH", run)).resolve())
        # One after the other where equal times would look as if they never varied.
        with concurrent.futures.ThreadPoolExecutor(1 if alone else 2) as pool:
            try:
                recorded = pool.map(record, [nats] * 2, [one, other], [run / "real", run / "mock"], [True, alone])
                (real, real_hidden), (mock, mock_hidden) = recorded
            finally:
                STOP.set()
        failed = compare(label, real, mock)
        if alone:
            report_hidden(label, real_hidden, mock_hidden)
        if kept := os.environ.get("KEEP"):
            keep(label, kept, {"real": real, "mock": mock})
    except subprocess.CalledProcessError as error:
        print(f"{label}: FAIL {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(run, ignore_errors=True)
    return 1 if failed else 0
