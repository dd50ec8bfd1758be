"""A design that notes what is read of it, so that nobody has to declare what a function of a design depends on."""

from collections.abc import Callable, Hashable
from dataclasses import is_dataclass
from enum import Enum, auto
from functools import cache, cached_property, lru_cache, wraps
from operator import attrgetter
from types import FunctionType, MethodType
from typing import Any, Never, ParamSpec, Protocol, TypeVar, cast

from archsim.frozen import HashedOnce
from archsim.specs.base import Spec

P = ParamSpec("P")
R = TypeVar("R")
Key = Hashable
"""What is read: the dotted path of a parameter, or what is derived from parameters (`Derived`)."""


class Whole(BaseException):
    """Something asks for all of a design: its hash, its digest, its parameters as a dictionary.

    It is no Exception, so that no function takes it for a mistake of its own.
    """


class Derived:
    """A function of a design whose readers depend on its value alone, however that came about. There is one of each."""

    def __init__(self, call: Callable[[Any], Any], in_parts: bool = False) -> None:
        self.call = call
        self.in_parts = in_parts
        """Whether it gives a record, of which each attribute is read by itself."""
        self._parts: dict[str, Part] = {}

    def part(self, name: str) -> "Part":
        """An attribute of the record."""
        if name not in self._parts:
            self._parts[name] = Part(self, name)
        return self._parts[name]


class Part(Derived):
    """An attribute of a record, be it its class."""

    def __init__(self, record: Derived, name: str) -> None:
        super().__init__(lambda design: getattr(record.call(design), name))
        self.record, self.name = record, name


class Notes(Protocol):
    """What a `Reading` reads from; it notes what is read."""

    def parameter(self, path: str) -> Any:
        """The value of a parameter, or a `Reading` of a component."""

    def derived(self, function: Derived) -> Any:
        """The value of a function of the design, or what it gives for the `Reading` itself, where that is no value."""


class Reading:
    """Stands for a design, a component of it, or a record that is derived from it, while a function of it runs.

    To whoever asks it is an instance of the same class, with that class's methods and properties. Its parameters are
    noted as they are read. It equals nothing and has no hash, so that it is never the key of a cache: `Whole` is raised
    by whatever needs all of it.
    """

    __slots__ = ("_kind", "_notes", "_ways")

    def __init__(self, notes: Notes, kind: type, ways: "_Ways") -> None:
        _SET_NOTES(self, notes)
        _SET_KIND(self, kind)
        _SET_WAYS(self, ways)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return cast("type", self._kind)

    def __getattr__(self, name: str) -> Any:
        way, to = self._ways[name]
        if way is _Way.PARAMETER:
            return self._notes.parameter(to)
        if way is _Way.DERIVED:
            return self._notes.derived(to)
        return MethodType(to, self) if way is _Way.METHOD else to

    def _whole(self, *_: object) -> Never:
        raise Whole

    __setattr__ = __delattr__ = _whole
    __iter__ = __repr__ = __dir__ = __eq__ = __ne__ = __hash__ = __reduce_ex__ = _whole


_SET_NOTES, _SET_KIND, _SET_WAYS = (vars(Reading)[f"_{name}"].__set__ for name in ("notes", "kind", "ways"))


class _Way(Enum):
    """How an attribute is come by."""

    PARAMETER = auto()
    DERIVED = auto()
    METHOD = auto()
    AS_IT_IS = auto()


class _Ways(dict[str, tuple[_Way, Any]]):
    """How to come by the attributes of a class at a place in a design, found as they are asked for."""

    def __init__(self, find: Callable[[str], tuple[_Way, Any]]) -> None:
        self._find = find

    def __missing__(self, name: str) -> tuple[_Way, Any]:
        if name.startswith("__"):
            raise Whole
        found = self[name] = self._find(name)
        return found


def read_spec(notes: Notes, kind: type[Spec], path: str = "") -> Reading:
    """A design, or the component of it at a dotted `path`."""
    return Reading(notes, kind, _ways_of_spec(kind, path))


def read_record(notes: Notes, kind: type, record: Derived) -> Reading:
    """A record that is derived from a design, of which single attributes are read."""
    return Reading(notes, kind, _ways_of_record(kind, record))


@cache
def _ways_of_spec(kind: type[Spec], path: str) -> _Ways:
    def find(name: str) -> tuple[_Way, Any]:
        if name in kind.model_fields:
            return _Way.PARAMETER, f"{path}.{name}" if path else name
        found = _described(kind, name)
        if isinstance(found, FunctionType):
            return _Way.METHOD, found
        if isinstance(found, property | cached_property):
            return _Way.DERIVED, _property(path, found)
        return _Way.AS_IT_IS, found.__get__(None, kind) if hasattr(found, "__get__") else found

    return _Ways(find)


@cache
def _ways_of_record(kind: type, record: Derived) -> _Ways:
    def find(name: str) -> tuple[_Way, Any]:
        found = next((vars(owner)[name] for owner in kind.__mro__ if name in vars(owner)), None)
        if isinstance(found, FunctionType):
            return _Way.METHOD, found
        return _Way.DERIVED, record.part(name)

    return _Ways(find)


@cache
def _property(path: str, found: "property | cached_property[Any]") -> Derived:
    get = cast("Callable[[Any], Any]", found.fget if isinstance(found, property) else found.func)
    in_parts = is_dataclass(get.__annotations__.get("return"))
    if not path:
        return Derived(get, in_parts)
    component = attrgetter(path)
    return Derived(lambda design: get(component(design)), in_parts)


_MACHINERY = frozenset((*HashedOnce.__mro__, *Spec.__mro__))
"""Classes that know nothing of a single parameter: what they do, they do with all of them."""


def _described(kind: type, name: str) -> Any:
    """What a class of specs says about itself under that name."""
    for owner in kind.__mro__:
        if name in vars(owner):
            if owner in _MACHINERY:
                raise Whole
            return vars(owner)[name]
    raise AttributeError(f"{kind.__name__!r} object has no attribute {name!r}")


def by_value(function: Callable[P, R]) -> Callable[P, R]:
    """A function of a design whose readers depend on its value alone.

    A `Reading` has it computed once for each reading of the function; for a design it is as it was.
    """
    return _read_as_one(function, function)


def per_design(function: Callable[P, R]) -> Callable[P, R]:
    """The same, computed once for each of the last 4,096 designs."""
    return _read_as_one(function, cast("Callable[P, R]", lru_cache(maxsize=4096)(function)))


def _read_as_one(function: Callable[P, R], of_designs: Callable[P, R]) -> Callable[P, R]:
    @wraps(function)
    def call(*given: P.args, **named: P.kwargs) -> R:
        design: Any = given[0]
        if type(design) is not Reading:
            return of_designs(*given, **named)
        _, *others = given
        return cast("R", design._notes.derived(derived(tuple(others), tuple(named.items()))))

    @cache
    def derived(others: tuple[Any, ...], named: tuple[tuple[str, Any], ...]) -> Derived:
        return Derived(lambda design: function(design, *others, **dict(named)))

    return call
