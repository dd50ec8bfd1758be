"""Unit functions as synthesizable Verilog: the module `integer_cell`, its parts, and the image of its constants."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archsim.errors import BadInput
from archsim.rtl.arithmetic import Source, Wire
from archsim.rtl.unit_function import Output, UnitFunction, UnitFunctions

_HEAD = """\
// integer_cell: what follows the accumulators, for one unit in one lane. Combinational; the pipeline around it delays
// its results. Mirrors workloads/fixed_point, whose integers it computes bit for bit (archsim/rtl/unit_function.py).
//
//   stage       index of the stage in the plan
//   sums        the unit's rows as the accumulators hold them, row by row in the order of Stage.sums, first row lowest
//   constants   the word of the unit: line FIRST + unit of integer_cell_constants.hex, FIRST by stage as below
//   h_in        the element of h that the step met
//   beside_in   the word that lies beside h (c, or what an earlier stage of the step keeps for a later one)
//   results     the operands that the stage makes, in the order of Stage.operands, first one lowest; of a readout, the
//               logit; each with its sign repeated up to its slot's {result_bits} bits
//   beside_out  the word that lies beside h from now on
//
{stages}
"""


@dataclass(frozen=True)
class Layout:
    """Widths of the ports of `integer_cell`, and where the constants of each stage begin."""

    sum_bits: int
    rows: int
    stage_bits: int
    constant_bits: int
    h_bits: int
    beside_bits: int
    results: int
    result_bits: int
    first_constant: tuple[int, ...]
    """Line of the image with the constants of unit 0, by stage."""
    constant_words: int

    @classmethod
    def of(cls, functions: UnitFunctions, sum_bits: int) -> "Layout":
        """Of accumulators of `sum_bits`. BadInput where these do not hold the sums."""
        stages = functions.stages
        needed = max(row.bits for stage in stages for row in stage.sums)
        if sum_bits < needed:
            raise BadInput(
                f"pe_array.accumulator_bits must be at least the {needed} of this model's sums, not {sum_bits}"
            )
        made = [output for stage in stages for output in stage.made]
        starts = [0]
        for stage in stages:
            starts.append(starts[-1] + stage.units)
        return cls(
            sum_bits=sum_bits,
            rows=max(len(stage.sums) for stage in stages),
            stage_bits=max(1, (len(stages) - 1).bit_length()),
            constant_bits=max([1, *(sum(each.range.bits for each in stage.constants) for stage in stages)]),
            h_bits=max([1, *(stage.h.bits for stage in stages if stage.h is not None)]),
            beside_bits=max([1, *(sum(port.bits for port in stage.beside) for stage in stages)]),
            results=max(len(stage.made) for stage in stages),
            result_bits=max(output.bits for output in made),
            first_constant=tuple(starts[:-1]),
            constant_words=starts[-1],
        )

    @property
    def parameters(self) -> dict[str, int]:
        """The same by their names in Verilog."""
        values = {
            "STAGE_BITS": self.stage_bits,
            "ROWS": self.rows,
            "CONSTANT_BITS": self.constant_bits,
            "CONSTANT_WORDS": self.constant_words,
            "H_BITS": self.h_bits,
            "BESIDE_BITS": self.beside_bits,
            "RESULTS": self.results,
            "RESULT_BITS": self.result_bits,
        }
        return {f"INTEGER_CELL_{name}": value for name, value in values.items()}


def files(functions: UnitFunctions, sum_bits: int) -> dict[str, str]:
    """Text by file name: a module each, and the image of the constants."""
    layout = Layout.of(functions, sum_bits)
    texts = {f"{curve.module}.sv": curve.module_text() for curve in functions.curves()}
    texts |= {f"unit_{stage.name}.sv": unit_module(stage) for stage in functions.stages}
    return texts | {
        "integer_cell.sv": top_module(functions, layout),
        "integer_cell_constants.hex": constants_image(functions, layout),
    }


def constants_image(functions: UnitFunctions, layout: Layout) -> str:
    """A word a line in hexadecimal, unit by unit and stage by stage; the first field of a word lies lowest."""
    digits = -(-layout.constant_bits // 4)
    lines = []
    for stage in functions.stages:
        for unit in range(stage.units):
            word, at = 0, 0
            for each in stage.constants:
                bits = each.range.bits
                word |= (each.values[unit] & ((1 << bits) - 1)) << at
                at += bits
            lines.append(f"{word:0{digits}x}\n")
    return "".join(lines)


def unit_module(stage: UnitFunction) -> str:
    """The module of one stage: each step is a net of the bits that its proven range takes."""
    lines = [
        f"// Stage {stage.name}, of one unit in one lane. Combinational; each net holds whatever it can be.",
        "`default_nettype none",
        f"module unit_{stage.name} (",
        ",\n".join(f"  {port}" for port in _unit_ports(stage)),
        ");",
        *(f"  {line}" for line in _unit_body(stage)),
        "endmodule",
        "`default_nettype wire",
        "",
    ]
    return "\n".join(lines)


def _inputs(stage: UnitFunction) -> Iterator[tuple[str, int]]:
    """Inputs of the module of a stage and their bits: sums, constants, and what is read of the state."""
    yield from ((each.name, each.bits) for each in stage.sums)
    yield from ((each.name, each.range.bits) for each in stage.constants)
    yield from ((port.value, port.bits) for port in stage.ports if port.value in stage.read)


def _outputs(stage: UnitFunction) -> Iterator[tuple[str, Output]]:
    yield from ((f"made_{output.name}", output) for output in stage.made)
    yield from ((f"stored_{output.name}", output) for output in stage.stored)


def _unit_ports(stage: UnitFunction) -> Iterator[str]:
    for name, bits in _inputs(stage):
        yield f"input wire signed [{bits - 1}:0] {name}"
    for name, output in _outputs(stage):
        yield f"output wire signed [{output.bits - 1}:0] {name}"


def _unit_body(stage: UnitFunction) -> Iterator[str]:
    ranges = stage.ranges

    def wire(source: Source) -> Wire:
        return Wire.literal(source) if isinstance(source, int) else Wire(source, ranges[source])

    for name, operation in stage.steps:
        yield from operation.lines(name, *map(wire, operation.sources))
    for name, output in _outputs(stage):
        yield f"assign {name} = {wire(output.source).to(output.bits)};"


def top_module(functions: UnitFunctions, layout: Layout) -> str:
    """The module `integer_cell`, which the data path puts in the place of recorded results."""
    about = (
        f"// stage {k} ({stage.name}): FIRST {first}; reads {', '.join(_rows(stage))};"
        f" beside h {', '.join(f'{p.name}[{p.bits}]' for p in stage.beside) or 'nothing'};"
        f" makes {', '.join(output.name for output in stage.made)}"
        for k, (stage, first) in enumerate(zip(functions.stages, layout.first_constant, strict=True))
    )
    lines = [
        _HEAD.format(stages="\n".join(about), result_bits=layout.result_bits).rstrip(),
        "`default_nettype none",
        "module integer_cell #(",
        f"  parameter SUM_BITS = {layout.sum_bits}  // bits of an accumulator",
        ") (",
        f"  input wire [{layout.stage_bits - 1}:0] stage,",
        f"  input wire [{layout.rows}*SUM_BITS-1:0] sums,",
        f"  input wire [{layout.constant_bits - 1}:0] constants,",
        f"  input wire [{layout.h_bits - 1}:0] h_in,",
        f"  input wire [{layout.beside_bits - 1}:0] beside_in,",
        f"  output wire [{layout.results * layout.result_bits - 1}:0] results,",
        f"  output wire [{layout.beside_bits - 1}:0] beside_out",
        ");",
    ]
    for k, stage in enumerate(functions.stages):
        lines += [f"  {line}" for line in _stage_lines(k, stage, layout)]
    lines += [f"  {line}" for line in _chosen(len(functions.stages))]
    lines += [
        "  wire unused = &{1'b0, stage, sums, constants, h_in, beside_in};",
        "endmodule",
        "`default_nettype wire",
        "",
    ]
    return "\n".join(lines)


def _rows(stage: UnitFunction) -> Iterator[str]:
    for group in stage.groups:
        yield f"{group} x {sum(row.group == group for row in stage.sums)}"


def _stage_lines(k: int, stage: UnitFunction, layout: Layout) -> Iterator[str]:
    """One stage's instance between the packed ports."""
    width, read = layout.result_bits, dict(_inputs(stage))
    connections = [f".{row.name}(sums[{n}*SUM_BITS +: {row.bits}])" for n, row in enumerate(stage.sums)]
    connections += _fields("constants", [(each.name, each.range.bits) for each in stage.constants])
    if stage.h is not None and stage.h.value in read:
        connections.append(f".{stage.h.value}(h_in[{stage.h.bits - 1}:0])")
    fields = _fields("beside_in", [(port.value, port.bits) for port in stage.beside])
    connections += [text for text, port in zip(fields, stage.beside, strict=True) if port.value in read]
    yield f"// stage {k}: {stage.name}"
    for name, output in _outputs(stage):
        yield f"wire signed [{output.bits - 1}:0] s{k}_{name};"
        connections.append(f".{name}(s{k}_{name})")
    yield f"unit_{stage.name} unit_{k} ("
    yield from (f"  {text}{',' if n < len(connections) - 1 else ''}" for n, text in enumerate(connections))
    yield ");"
    slots = [f"{width}'(s{k}_made_{output.name})" for output in stage.made]
    slots += [f"{width}'d0"] * (layout.results - len(slots))
    yield f"wire [{layout.results * width - 1}:0] s{k}_results = {{{', '.join(reversed(slots))}}};"
    yield f"wire [{layout.beside_bits - 1}:0] s{k}_beside = {_beside(k, stage, layout)};"


def _fields(word: str, parts: Sequence[tuple[str, int]]) -> list[str]:
    """Connections to fields of a word, the first one lowest."""
    found, at = [], 0
    for name, bits in parts:
        found.append(f".{name}({word}[{at + bits - 1}:{at}])")
        at += bits
    return found


def _beside(k: int, stage: UnitFunction, layout: Layout) -> str:
    """The word beside h after a stage: the fields that it writes, and the others as they were."""
    written, parts, at = {output.name for output in stage.stored}, [], 0
    for port in stage.beside:
        old = f"beside_in[{at + port.bits - 1}:{at}]"
        parts.append(f"s{k}_stored_{port.name}" if port.name in written else old)
        at += port.bits
    if at < layout.beside_bits:
        parts.append(f"beside_in[{layout.beside_bits - 1}:{at}]")
    return f"{{{', '.join(reversed(parts))}}}"


def _chosen(stages: int) -> Iterator[str]:
    for port, name in (("results", "results"), ("beside_out", "beside")):
        tests = "".join(f"(stage == {k}) ? s{k}_{name} : " for k in range(stages - 1))
        yield f"assign {port} = {tests}s{stages - 1}_{name};"
