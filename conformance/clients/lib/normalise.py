"""Makes the output of two natscli runs comparable: identities, times, ports, durations and machine figures become
placeholders, and tables lose the padding that depends on them. Everything else stays as it is."""

import re

# Lines on which a duration is a setting of the server, and so must be equal.
SETTINGS = ("TLS Timeout:", "Write Deadline:", "Ping Interval:")

# Columns of tables that show the machine, and lines that do.
MACHINE_COLUMNS = {"Mem", "CPU %", "Cores"}
MACHINE_LINES = re.compile(r"^(\s*(?:CPU Cores|GOMAXPROCS|Memory):) .*$")

# Totals of a server: what it sent includes replies with machine figures, some longer than others, and whether what it
# received already includes the very request for these totals is open on a real server.
TOTALS = [
    (re.compile(r"^(\s*Messages:) .* in (.* out)$"), r"\1 <counted> in \2"),
    (re.compile(r"^(\s*Bytes:) .* in .* out$"), r"\1 <counted>"),
]

# For the same reasons, the same figures of natscli's own connection, and sums that include it.
OWN_ROW = re.compile("NATS CLI Version|Totals for")
OWN_COLUMNS = {"In Msgs", "In Bytes", "Out Bytes"}

# What natscli prints from its error callback, if it does not exit before; the error it exits with says the same.
ASIDE = re.compile(r"^<time> >>> ")

REPLACEMENTS = [
    (re.compile(r"\x1b\[[0-9;?]*[A-Za-z]"), ""),
    (re.compile(r"\bN[A-Z2-7]{55}\b"), "<server id>"),
    (re.compile(r"(?<=\[)[A-Za-z0-9]{22}(?=\])"), "<event id>"),
    (re.compile(r"\b_INBOX\.[A-Za-z0-9.]+"), "<inbox>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "<time>"),
    (re.compile(r"\b127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
    (re.compile(r"\b[\d,.]+ msgs/sec ~ [\d.,]+ [KMGT]?i?B/sec"), "<rate>"),
    (re.compile(r"\b(max|min|avg): \d+\.\d+(?= |$)"), r"\1: <duration>"),
]
DURATION = re.compile(r"(?<![\w.,])(?:\d[\d,]*(?:\.\d+)?(?:ns|us|µs|ms|h|m|s|d))+(?!\w)")


def normalise(text):
    """The comparable form of an output."""
    lines, columns = [], []
    for line in text.splitlines():
        if "│" in line:
            line, columns = table_row(line, columns)
        elif line.startswith("╭"):
            columns = []
        line = MACHINE_LINES.sub(r"\1 <machine>", line)
        for pattern, placeholder in [*TOTALS, *REPLACEMENTS]:
            line = pattern.sub(placeholder, line)
        if not line.strip().startswith(SETTINGS):
            line = DURATION.sub("<duration>", line)
        if not ASIDE.match(line):
            lines.append(re.sub(r"─+", "─", re.sub(r" {2,}", "  ", line)).rstrip())
    return "\n".join(lines) + "\n"


def table_row(line, columns):
    """A row without padding, and the names of the table's columns, which are its first row of several cells."""
    cells = [cell.strip() for cell in line.strip().strip("│").split("│")]
    if not columns and len(cells) > 1:
        columns = cells
    elif len(cells) == len(columns):
        own = OWN_ROW.search(line) is not None
        cells = [mask(cell, column, own) for cell, column in zip(cells, columns)]
    return "│ " + " │ ".join(cells) + " │", columns


def mask(cell, column, own):
    if column in MACHINE_COLUMNS:
        return "<machine>" if cell else cell
    return "<counted>" if own and column in OWN_COLUMNS and cell else cell
