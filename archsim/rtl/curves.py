"""Curves of one integer as data, a word table or straight lines: each becomes a module of its own."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archsim.rtl.arithmetic import Operation, Range, Source, Wire, literal


@dataclass(frozen=True)
class Curve(Operation):
    """A function of one integer of `argument_bits` two's complement, in a module called `module`.

    What uses it must bring the argument within its range first.
    """

    a: Source
    module: str
    argument_bits: int

    def expression(self, bits: int, *of: Wire) -> str:
        raise NotImplementedError("a curve is a module, not an expression")

    def lines(self, name: str, *of: Wire) -> list[str]:
        (a,) = of
        bits = self.range(a.range).bits
        return [
            f"wire signed [{bits - 1}:0] {name};",
            f"{self.module} {self.module}_of_{name} (.argument({a.to(self.argument_bits)}), .result({name}));",
        ]

    def module_text(self) -> str:
        """The whole module."""
        bits = self.range(Range.of_bits(self.argument_bits)).bits
        return "\n".join(
            [
                f"// {self._what()}",
                "// Combinational. Its integers are those of the model; archsim/rtl/curves.py evaluates the same.",
                "`default_nettype none",
                f"module {self.module} (",
                f"  input wire signed [{self.argument_bits - 1}:0] argument,",
                f"  output wire signed [{bits - 1}:0] result",
                ");",
                *(f"  {line}" for line in self._body(bits)),
                "endmodule",
                "`default_nettype wire",
                "",
            ]
        )

    @abstractmethod
    def _what(self) -> str: ...

    @abstractmethod
    def _body(self, bits: int) -> Iterator[str]: ...


@dataclass(frozen=True)
class WordTable(Curve):
    """2^k words; the index is the argument's highest k bits, counted from its least value on."""

    words: tuple[int, ...]

    @property
    def _dropped(self) -> int:
        return self.argument_bits - (len(self.words).bit_length() - 1)

    def range(self, *of: Range) -> Range:
        return Range.around(*self.words)

    def value(self, *of: int) -> int:
        return self.words[(of[0] + (1 << (self.argument_bits - 1))) >> self._dropped]

    def _what(self) -> str:
        return f"A table of {len(self.words)} words; the index is the argument's highest bits, from its least value on."

    def _body(self, bits: int) -> Iterator[str]:
        index_bits = self.argument_bits - self._dropped
        top = self.argument_bits - 1
        shifted = f" >> {self._dropped}" if self._dropped else ""
        yield f"wire [{top}:0] from_least = {{~argument[{top}], argument[{top - 1}:0]}};"
        yield f"wire [{index_bits - 1}:0] index = {index_bits}'(from_least{shifted});"
        yield from chosen("word", "index", index_bits, self.words, Range.around(*self.words))
        yield "assign result = word;"


@dataclass(frozen=True)
class Lines(Curve):
    """Straight lines over ``|x|``: ``(slope |x| << product_left) + (intercept << intercept_left)``, rounded half up by
    `right` bits and clipped to ``0 .. highest``; of a negative x it is `mirror` less that.

    Breakpoints lie at powers of two from ``2^first`` on, so the leading one of ``|x|`` finds the octave; each octave,
    and what is below the first, is cut into ``2^split_bits`` equal parts by the bits that follow.
    """

    first: int
    split_bits: int
    slopes: tuple[int, ...]
    intercepts: tuple[int, ...]
    product_left: int
    intercept_left: int
    right: int
    highest: int
    mirror: int

    @property
    def _octaves(self) -> range:
        """Where the leading one lies in each octave, but for the part below the first."""
        return range(self.first, self.argument_bits - 1)

    @property
    def _most(self) -> int:
        """The greatest ``|x|``: that of the least x is clipped to it."""
        return (1 << (self.argument_bits - 1)) - 1

    def range(self, *of: Range) -> Range:
        return Range.around(0, self.highest, self.mirror, self.mirror - self.highest)

    def value(self, *of: int) -> int:
        (x,) = of
        magnitude = min(abs(x), self._most)
        segment = self.segment(magnitude)
        total = (self.slopes[segment] * magnitude << self.product_left) + (
            self.intercepts[segment] << self.intercept_left
        )
        y = min(max((total + ((1 << self.right) >> 1)) >> self.right, 0), self.highest)
        return self.mirror - y if x < 0 else y

    def segment(self, magnitude: int) -> int:
        """The number of the line over a ``|x|``."""
        place = magnitude.bit_length() - 1
        if place < self.first:
            return magnitude >> (self.first - self.split_bits)
        part = (magnitude >> (place - self.split_bits)) - (1 << self.split_bits)
        return ((place - self.first + 1) << self.split_bits) + part

    def _what(self) -> str:
        return f"{len(self.slopes)} straight lines over |argument|; the leading one of |argument| finds the octave."

    def _body(self, bits: int) -> Iterator[str]:
        wide, s = self.argument_bits, self.split_bits
        clipped = f"{wide - 1}'d{self._most}"
        index_bits = (len(self.slopes) - 1).bit_length() or 1
        yield f"wire negative = argument[{wide - 1}];"
        yield f"wire [{wide - 1}:0] absolute = negative ? -argument : argument;"
        yield f"wire [{wide - 2}:0] magnitude = absolute[{wide - 1}] ? {clipped} : absolute[{wide - 2}:0];"
        yield "// The highest octave whose leading one is set, then the bits behind it; below the first, these alone."
        yield f"wire [{index_bits - 1}:0] segment ="
        for n, place in reversed(list(enumerate(self._octaves, 1))):
            part = f" + {index_bits}'(magnitude[{place - 1}:{place - s}])" if s else ""
            yield f"  magnitude[{place}] ? {index_bits}'d{n << s}{part} :"
        yield f"  {index_bits}'(magnitude[{self.first - 1}:{self.first - s}]);" if s else f"  {index_bits}'d0;"
        line_range = Range(0, max(*self.slopes, *self.intercepts, 1))
        yield from chosen("slope", "segment", index_bits, self.slopes, line_range)
        yield from chosen("intercept", "segment", index_bits, self.intercepts, line_range)
        yield from self._sum(bits, line_range)

    def _sum(self, bits: int, line: Range) -> Iterator[str]:
        product = Range(0, line.high * self._most)
        half = (1 << self.right) >> 1
        total = Range(0, (product.high << self.product_left) + (line.high << self.intercept_left) + half)
        y = Range(0, max(total.high >> self.right, self.highest))
        yield (
            f"wire signed [{product.bits - 1}:0] product"
            f" = {product.bits}'(slope) * {product.bits}'($signed({{1'b0, magnitude}}));"
        )
        yield (
            f"wire signed [{total.bits - 1}:0] total = ({total.bits}'(product) <<< {self.product_left})"
            f" + ({total.bits}'(intercept) <<< {self.intercept_left}) + {literal(half, total.bits)};"
        )
        yield f"wire signed [{y.bits - 1}:0] rounded = {y.bits}'(total >>> {self.right});"
        positive = f"(rounded > {literal(self.highest, y.bits)}) ? {literal(self.highest, bits)} : {bits}'(rounded)"
        yield f"wire signed [{bits - 1}:0] positive = {positive};"
        yield f"assign result = negative ? {literal(self.mirror, bits)} - positive : positive;"


def chosen(name: str, index: str, index_bits: int, words: Sequence[int], holding: Range) -> Iterator[str]:
    """The net `name`, which is the word at `index`; there is one for each of its values, or the rest are zero."""
    yield f"logic signed [{holding.bits - 1}:0] {name};"
    yield f"always_comb case ({index})"
    for k, word in enumerate(words):
        yield f"  {index_bits}'d{k}: {name} = {literal(word, holding.bits)};"
    if len(words) < 1 << index_bits:
        yield f"  default: {name} = {literal(0, holding.bits)};"
    yield "endcase"
