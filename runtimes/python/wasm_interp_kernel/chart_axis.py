"""One axis of a drawn figure: its label, ticks and scale, and the numbers on it as what they stand for.

Matplotlib works with floats; dates, periods and categories are floats with a converter. Here they become ISO 8601
text and names again. Rule: numpy and pandas are taken from sys.modules, since a figure that needs them has them.
"""

import re
import sys
from bisect import bisect
from datetime import UTC
from functools import partial
from math import isclose, isfinite

_SCALES = frozenset({"linear", "log", "symlog", "logit", "function", "functionlog", "asinh"})
_DATE_CONVERTERS = frozenset({"DateConverter", "_SwitchableDateConverter"})
# A call such as f(x) names no unit, so a parenthesis needs a space before it.
_UNIT = re.compile(r"(?:^|\s)\((?P<round>[^()]*(?:\([^()]*\)[^()]*)*)\)$|\[(?P<square>[^\[\]]*)\]$")
_DAY = 86_400_000_000  # microseconds
_MAX_DAYS = 2.9e6  # past the year 9999 there is no ISO date
_LOOSE = 2  # microseconds by which the float of a date near today may be off

_modules = sys.modules


class ChartAxis:
    """Reads one axis; what costs more than a look is read when first asked for."""

    def __init__(self, axis: object) -> None:
        self.axis = axis
        self.label: str | None = axis.get_label_text() or None
        classes = {base.__name__ for base in type(axis.get_converter()).__mro__}
        self.is_period = "PeriodConverter" in classes and getattr(axis, "freq", None) is not None
        self.is_date = not self.is_period and bool(
            classes & _DATE_CONVERTERS or type(axis.major.formatter).__module__ == "matplotlib.dates"
        )
        self.is_categorical = "StrCategoryConverter" in classes
        self._ticks: list[tuple[float, str]] | None = None
        self._names: dict[int, str] | None = None

    @property
    def unit(self) -> str | None:
        """What stands in parentheses or brackets at the end of the label."""
        found = _UNIT.search(self.label.rstrip()) if self.label else None
        return (found["round"] or found["square"] or "").strip() or None if found else None

    @property
    def is_time(self) -> bool:
        return self.is_date or self.is_period

    @property
    def scale(self) -> str:
        if self.is_time:
            return "datetime"
        if self.names:
            return "categorical"
        name = self.axis.get_scale()
        return name if name in _SCALES else "unknown"

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Place and text of each major tick within the limits."""
        if self._ticks is None:
            low, high = sorted(map(float, self.axis.get_view_interval()))
            slack = (high - low) * 1e-9 if self.axis.get_scale() == "linear" else 0.0
            self._ticks = [
                (place, text)
                for place, text in self._all_ticks()
                if low <= place <= high or _is_about(place, low, slack) or _is_about(place, high, slack)
            ]
        return self._ticks

    def _all_ticks(self) -> list[tuple[float, str]]:
        """With the texts that the last drawing left in the tick objects, or formatted anew where it left none."""
        places = [float(place) for place in self.axis.get_majorticklocs()]
        drawn = self.axis.majorTicks[: len(places)]
        texts = [tick.label1.get_text() for tick in drawn]
        if [tick.get_loc() for tick in drawn] != places or not any(texts):
            texts = self.axis.major.formatter.format_ticks(places)
        return list(zip(places, map(str, texts), strict=True))

    @property
    def names(self) -> dict[int, str]:
        """Category by place; empty where the axis is one of numbers or times.

        Categories are matplotlib's own, or tick labels of the program's at 0, 1, 2 or 1, 2, 3 that are no numbers.
        """
        if self._names is None:
            self._names = self._read_names()
        return self._names

    def _read_names(self) -> dict[int, str]:
        if self.is_categorical:
            return {int(place): str(name) for name, place in self.axis.units._mapping.items()}
        if self.is_time or self.axis.get_scale() != "linear" or not self.has_own_labels:
            return {}
        labelled = [(place, text) for place, text in self.ticks if text.strip()]
        places = [place for place, _ in labelled]
        first = places[0] if places else -1
        if first not in (0, 1) or places != [first + step for step in range(len(places))]:
            return {}
        return {} if any(_is_number(text) for _, text in labelled) else {int(place): text for place, text in labelled}

    @property
    def has_own_labels(self) -> bool:
        """Whether the program chose the tick labels, rather than a formatter of numbers or times."""
        formatter = self.axis.major.formatter
        kind = type(formatter).__name__
        # set_ticklabels() with fixed ticks makes a FuncFormatter of a partial.
        return kind == "FixedFormatter" or (kind == "FuncFormatter" and isinstance(formatter.func, partial))

    def values(self, places: object, *, whole_days: bool = False) -> list[float | str | None]:
        """An array of places as numbers, ISO times or category names; None for NaN and infinities."""
        if self.is_date:
            return self._times(places, whole_days)
        if self.is_period:
            return self._periods(places)
        numbers = [place if place is not None and isfinite(place) else None for place in places.tolist()]
        names = self.names
        if not names:
            return numbers
        # What seaborn puts beside its category, to keep points apart, still belongs to it.
        found = [None if number is None else round(number) if self.is_categorical else number for number in numbers]
        if all(number is None or number in names for number in found):
            return [None if number is None else names[int(number)] for number in found]
        return numbers

    def texts(self, places: list[float]) -> list[str]:
        """Places as labels: a number as short as it is exact, a time without its midnight."""
        if not self.is_time:
            return [number_text(place) for place in places]
        times = self.values(_modules["numpy"].asarray(places, dtype=float))
        if all(time is None or time.endswith("T00:00:00") for time in times):
            return [time[:10] if time else "" for time in times]
        return [time or "" for time in times]

    def tick_values(self) -> list[float | str | None]:
        places = [place for place, _ in self.ticks]
        if self.is_time:
            return self.values(_modules["numpy"].asarray(places, dtype=float))
        return [tidy(place) for place in places]

    def tick_labels(self) -> list[str]:
        return [text for _, text in self.ticks]

    def _times(self, places: object, whole_days: bool) -> list[str | None]:
        numpy = _modules["numpy"]
        days = numpy.ma.filled(numpy.ma.asarray(places, dtype=float), numpy.nan)
        known = numpy.isfinite(days) & (numpy.abs(days) < _MAX_DAYS)
        microseconds = numpy.rint(numpy.where(known, days, 0.0) * _DAY)
        milliseconds = numpy.rint(microseconds / 1000) * 1000
        if (numpy.abs(microseconds - milliseconds) <= _LOOSE).all():
            microseconds = milliseconds
        epoch = numpy.datetime64(_modules["matplotlib.dates"].get_epoch(), "us")
        moments = epoch + microseconds.astype("int64").astype("timedelta64[us]")
        zone = self.axis.units
        if hasattr(zone, "utcoffset"):
            aware = [moment.replace(tzinfo=UTC) for moment in moments.tolist()]
            texts = [moment.astimezone(zone).isoformat() for moment in aware]
        else:
            texts = _iso(moments, whole_days)
        return [text if is_known else None for text, is_known in zip(texts, known.tolist(), strict=True)]

    def _periods(self, places: object) -> list[str | None]:
        """pandas' own time axis: places are ordinals of periods, each told by its beginning."""
        pandas, numpy = _modules["pandas"], _modules["numpy"]
        numbers = numpy.ma.filled(numpy.ma.asarray(places, dtype=float), numpy.nan)
        known = numpy.isfinite(numbers)
        ordinals = numpy.rint(numpy.where(known, numbers, 0.0)).astype("int64")
        beginnings = pandas.PeriodIndex.from_ordinals(ordinals, freq=self.axis.freq).to_timestamp()
        texts = _iso(beginnings.to_numpy().astype("datetime64[us]"), False)
        return [text if is_known else None for text, is_known in zip(texts, known.tolist(), strict=True)]


def _iso(moments: object, whole_days: bool) -> list[str]:
    """datetime64[us] as ISO text, all with as many digits as one of them needs."""
    microseconds = moments.astype("int64")
    if whole_days and not (microseconds % _DAY).any():
        unit = "D"
    else:
        unit = "us" if (microseconds % 1000).any() else "ms" if (microseconds % 1_000_000).any() else "s"
    return _modules["numpy"].datetime_as_string(moments, unit=unit).tolist()


def _is_about(place: float, limit: float, slack: float) -> bool:
    return isclose(place, limit, rel_tol=1e-9, abs_tol=slack)


def _is_number(text: str) -> bool:
    try:
        float(text.strip().strip("%$€£").replace("\N{MINUS SIGN}", "-").replace(",", ""))
    except ValueError:
        return False
    return True


def nearest(places: list[float], place: float) -> float:
    """Of places in ascending order, at least one, the one nearest to another."""
    after = bisect(places, place)
    return min(places[max(after - 1, 0) : after + 1], key=lambda each: abs(each - place))


def tidy(number: float) -> float:
    """A number that was computed as one would write it: 0.6 for 0.6000000000000001."""
    return float(f"{number:.12g}")


def number_text(number: float, digits: int = 12) -> str:
    """3.0 as 3, and other floats by their leading digits, so that 0.1 + 0.2 is 0.3."""
    if isfinite(number) and number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    return f"{number:.{digits}g}"
