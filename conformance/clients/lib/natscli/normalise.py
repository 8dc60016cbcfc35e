"""Makes the outputs of two natscli runs comparable: identities, times, ports, durations and machine figures become
placeholders, and tables lose the padding that depends on them. Everything else stays as it is."""

import re

from . import document

# Lines on which a duration is a setting of the server, and so must be equal.
SETTINGS = ("TLS Timeout:", "Write Deadline:", "Ping Interval:")

# Columns of tables that show the machine, and lines that do.
MACHINE_COLUMNS = {"Mem", "CPU %", "Cores"}
MACHINE_LINES = [
    re.compile(r"(?<=GOMAXPROCS: )\d+$|(?<=CPU Cores: ).*$|(?<=Memory: ).*$"),
    re.compile(r"(?<=cpu=)[\d.]+(?=%)|(?<=mem=)\d+|(?<=:CPU )[\d.]+|(?<=:Memory )[\d.]+"),
    re.compile(r"(?<=_cpu\{item=\"one\"\} ).*|(?<=_mem\{item=\"one\"\} ).*|(?<=_uptime\{item=\"one\"\} ).*"),
    re.compile(r"(?<=_time\{item=\"Connection\"\} ).*|(?<=_rtt\{item=\"Connection\"\} ).*"),
    # A bar, whose length is the value.
    re.compile(r"(?<=: )[▏▎▍▌▋▊▉█]+ \(.*\)$"),
]

# Totals of a server: what it sent includes replies with machine figures, some longer than others, and whether what it
# received already includes the very request for these totals is open on a real server.
TOTALS = [re.compile(r"(?<=Messages: )\S+(?= in .* out$)"), re.compile(r"(?<=Bytes: )\S.* in .*(?= out$)")]

# For the same reasons, the same figures of natscli's own connection, and sums that include it.
OWN_ROW = re.compile("NATS CLI Version|Totals for|^│ SYS ")
OWN_COLUMNS = {"In Msgs", "In Bytes", "Out Bytes"}
# Sums of an account that include it, in `account report statistics`; the last row stands a column to the left.
RECEIVED = {"Received Bytes", "Received Messages"}
SIZES = {"Leafnodes", "Sent Bytes", "Sent Messages"}
SIZE = re.compile(r"[\d.]+ (?:[KMGT]i)?B")

# What natscli prints from its error callback, if it does not exit before; the error it exits with says the same.
ASIDE = re.compile(r"^<time> >>> ")

COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
REPLACEMENTS = [
    (re.compile(r"\bN[A-Z2-7]{55}\b"), "<server id>"),
    (re.compile(r"(?<=\[)[A-Za-z0-9]{22}(?=\])"), "<event id>"),
    (re.compile(r"\b_INBOX\.[A-Za-z0-9.]+"), "<inbox>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"\b\d{8}-\d{6}\b"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "<time>"),
    (re.compile(r"(?<=\b127\.0\.0\.1:)\d+"), "<port>"),
    # With TLS 1.3 a client is done before the server misses its certificate. Either it sees the alert about it first, or
    # that it cannot write any more.
    (re.compile(r"remote error: tls: certificate required|nats: tls error: connection closed by remote after TLS "
                r"handshake: (?:write|read) tcp \S+ (?:write: broken pipe|(?:write|read): connection reset by peer)"),
     "<certificate missed>"),
    (re.compile(r"\b[\d,.]+ msgs/sec ~ [\d.,]+ [KMGT]?i?B/sec"), "<rate>"),
    # A graph of round trip times, whose shape is their distribution.
    (re.compile(r"^ *(?:\d\.\d\d +[┤┼]| +┼).*$"), "<graph>"),
    (re.compile(r"(?<=round trip request took )[\d.]+"), "<duration>"),
    (re.compile(r"(?<=\bmax: )\d+\.\d+(?= |$)|(?<=\bmin: )\d+\.\d+(?= |$)|(?<=\bavg: )\d+\.\d+(?= |$)"), "<duration>"),
]
DURATION = re.compile(r"(?<![\w.,])(?:\d[\d,]*(?:\.\d+)?(?:ns|us|µs|ms|h|m|s|d))+(?!\w)")


class Normaliser:
    """Gives outputs their comparable form, and remembers what it hid: the label of a line, column or key, and the
    values that became a placeholder there."""

    sets = document.SETS
    own_row = OWN_ROW
    own_columns = OWN_COLUMNS
    machine_columns = MACHINE_COLUMNS

    def __init__(self):
        self.hidden = {}

    def calls_system_account(self, name):
        """Has rows of that account taken for those of natscli's own."""
        self.own_row = re.compile(f"{OWN_ROW.pattern}|^│ {re.escape(name)} ")

    def free(self, path, parent):
        """What a value in a document is replaced by because of how its server was started."""
        return None

    def hide(self, label, value, placeholder):
        self.hidden.setdefault(f"{label}: {placeholder}", []).append(str(value))
        return placeholder

    def output(self, text):
        """The comparable form of an output, whose documents come out indented."""
        text = COLOURS.sub("", text)
        if documents := document.parse(text):
            return "".join(f"{line}\n" for one in documents for line in self.document(one))
        lines, columns = [], []
        for line in text.splitlines():
            if documents := document.parse(line):
                lines += [below for one in documents for below in self.document(one)]
                continue
            if "│" in line:
                line, columns = self.table_row(line, columns)
            elif line.startswith("╭"):
                columns = []
            line = self.words(line, line.partition(":")[0].strip())
            if not ASIDE.match(line):
                lines.append(re.sub(r"─+", "─", re.sub(r" {2,}", "  ", line)).rstrip())
        return "\n".join(lines) + "\n"

    def words(self, line, label):
        """A line or a string with placeholders."""
        for patterns, placeholder in (MACHINE_LINES, "<machine>"), (TOTALS, "<counted>"):
            for pattern in patterns:
                line = self.replace(pattern, placeholder, line, label)
        for pattern, placeholder in REPLACEMENTS:
            line = self.replace(pattern, placeholder, line, label)
        if not line.strip().startswith(SETTINGS):
            line = self.replace(DURATION, "<duration>", line, label)
        return line

    def replace(self, pattern, placeholder, line, label):
        return pattern.sub(lambda found: self.hide(label, found[0], placeholder), line)

    def document(self, value):
        return document.lines(document.comparable(value, self))

    def table_row(self, line, columns):
        """A row without padding, and the names of the table's columns, which are its first row of several cells."""
        cells = [cell.strip() for cell in line.strip().strip("│").split("│")]
        if not columns and len(cells) > 1:
            columns = cells
        elif len(cells) == len(columns):
            own = self.own_row.search(line) is not None
            cells = [self.cell(cell, column, cells[0], own) for cell, column in zip(cells, columns)]
        return "│ " + " │ ".join(cells) + " │", columns

    def cell(self, cell, column, first, own):
        if not cell:
            return cell
        if column in self.machine_columns or column == "Value" and first in document.MEASURED:
            return self.hide(column, cell, "<machine>")
        if own and column in self.own_columns or column in RECEIVED or column in SIZES and SIZE.fullmatch(cell):
            return self.hide(f"own {column}", cell, "<counted>")
        return self.words(cell, column)
