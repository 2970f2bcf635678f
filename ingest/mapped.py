"""How a mapped column is read, as SQL: times in any form and zone, lists in one text, values that mean ours."""

from __future__ import annotations

import re
from dataclasses import dataclass

from graph.log import EngineError
from graph.model import SECOND
from graph.peers.scratch import database
from ingest.schema import EARLIEST, TIME, Reader, microseconds
from ingest.yamlfile import Entry, YamlFile

UNITS = {"seconds": SECOND, "milliseconds": SECOND // 1000, "microseconds": 1}
ISO = "iso"
OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")


@dataclass(frozen=True)
class TimeForm:
    """How times are written.

    Attributes:
        form: iso, a unit of time since 1970, or a form of strptime.
        zone: the time zone of times without an offset; None where they have one.
        shift: microseconds that `zone` is ahead of UTC, if it is a fixed offset.
    """

    form: str
    zone: str | None
    shift: int | None

    def read(self, raw: str, kind: str) -> str:
        """SQL of a time in microseconds UTC; null where it is none."""
        plain = f"trim({raw}::VARCHAR)"
        if kind.upper().startswith("TIMESTAMP"):
            local = kind.upper() != "TIMESTAMP WITH TIME ZONE" and self.zone is not None
            return self._utc(raw) if local else f"epoch_us({raw})"
        if self.form in UNITS:
            return f"try_cast(round(try_cast({plain} AS DOUBLE) * {UNITS[self.form]}) AS BIGINT)"
        if self.form == ISO:
            given = microseconds(plain, "VARCHAR")
            return given if self.zone is None else f"coalesce({given}, {self._utc(f'try_cast({plain} AS TIMESTAMP)')})"
        parsed = f"try_strptime({plain}, {_literal(self.form)})"
        return f"epoch_us({parsed})" if self.zone is None else self._utc(parsed)

    def _utc(self, local: str) -> str:
        if self.shift is not None:
            return f"epoch_us({local}) - {self.shift}"
        return f"epoch_us(timezone({_literal(self.zone or 'UTC')}, {local}))"

    def __str__(self) -> str:
        """What a person is told to write."""
        if self.form in UNITS:
            return f"{self.form} since 1970, UTC"
        written = "ISO 8601" if self.form == ISO else self.form
        return f"{written} ({self.zone})" if self.zone else written if self.form != ISO else f"{written} with an offset"


def time_form(source: YamlFile, entry: Entry) -> TimeForm:
    """Read `times` of a mapping file. Raises InputError naming line and column."""
    given = source.mapping(entry.value, "times", ("form", "zone"))
    form_node = source.wanted(given, "form").value
    form = source.text(form_node)
    if form not in UNITS and form != ISO:
        if "%" not in form:
            raise source.error(
                form_node, f"{form!r} is none of {ISO}, {', '.join(UNITS)}, and no form such as %Y-%m-%d"
            )
        with database() as connection:
            try:
                connection.execute(f"SELECT try_strptime('', {_literal(form)})")
            except EngineError as error:
                raise source.error(form_node, f"{form!r}: {str(error).splitlines()[0][:120]}") from error
    if "zone" not in given:
        if form != ISO and form not in UNITS and "%z" not in form:
            raise source.error(form_node, f"{form!r} has no offset (%z): give a zone, such as Asia/Shanghai or +08:00")
        return TimeForm(form, None, None)
    if form in UNITS or "%z" in form:
        raise source.error(given["zone"].key, f"times as {form!r} need no zone")
    return _zoned(source, given["zone"], form)


def _zoned(source: YamlFile, entry: Entry, form: str) -> TimeForm:
    zone = source.text(entry.value)
    offset = OFFSET.fullmatch(zone)
    if offset:
        size = (int(offset[2]) * 60 + int(offset[3])) * 60 * SECOND
        return TimeForm(form, zone, size if offset[1] == "+" else -size)
    with database() as connection:
        known = connection.execute(
            "SELECT count(*) FROM pg_timezone_names() WHERE name = $zone", {"zone": zone}
        ).fetchall()[0][0]
    if not known:
        raise source.error(entry.value, f"{zone!r} is no time zone: expected a name such as Asia/Shanghai, or +08:00")
    return TimeForm(form, zone, None)


def time_checks(times: TimeForm) -> tuple[tuple[str, str], ...]:
    """What is wrong with a time that was to be written so."""
    expected = str(times).replace("'", "''")
    return (
        (TIME[0][0], f"is no time: expected {expected}"),
        (f"{{v}} < {EARLIEST}", f"is before 2000: expected {expected}"),
        TIME[2],
    )


def meaning(read: Reader, values: dict[str, str]) -> Reader:
    """Read a value and rename it; one without another name stays as it is."""
    cases = " ".join(f"WHEN {_literal(theirs)} THEN {_literal(ours)}" for theirs, ours in values.items())
    return lambda raw, _kind: read(f"CASE trim({raw}::VARCHAR) {cases} ELSE {raw}::VARCHAR END", "VARCHAR")


def listed(separator: str) -> Reader:
    """Read a list written as one text."""
    return lambda raw, _kind: (
        f"list_filter(list_transform(string_split({raw}::VARCHAR, {_literal(separator)}), lambda x: trim(x)), "
        "lambda x: x <> '')"
    )


def constant(value: str) -> Reader:
    """The same value for every row."""
    return lambda _raw, _kind: _literal(value)


def _literal(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
