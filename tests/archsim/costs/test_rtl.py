"""The modules that are synthesised compute what they are priced for: simulated where Icarus Verilog is installed."""

import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

RTL = sorted(str(p) for p in (resources.files("archsim.costs") / "rtl").iterdir())

CELLS = """
module fa(input a, b, c, output s, co); assign s = a ^ b ^ c; assign co = (a & b) | (c & (a ^ b)); endmodule
module gate(input clk, en, output gclk); reg on; always @* if (!clk) on = en; assign gclk = clk & on; endmodule
"""
"""Models of the two cells that the library gives."""

PE = """
module tb;
  reg clk = 0, en = 0, fresh = 0, bank = 0; reg [W-1:0] w; reg signed [A-1:0] x; reg [1:0] slot;
  wire signed [N-1:0] q; integer i, bad = 0; reg signed [N-1:0] sum [0:7]; reg signed [N-1:0] term;
  pe #(.KIND(KIND), .W(W), .A(A), .N(N), .ENTRIES(4), .BANKS(2), .STAGES(STAGES)) p (.clk(clk), .en(en), .fresh(fresh),
    .bank(bank), .rbank(bank), .w_in(w), .x_in(x), .slot(slot), .rslot(slot), .q(q));
  task tick; begin #5 clk = 1; #5 clk = 0; end endtask
  initial begin
    for (i = 0; i < 400; i = i + 1) begin
      w = $random; x = $random; bank = i / 4; slot = i; fresh = i < 8;
      term = x;
      if (KIND == 0) term = $signed(w) * term;
      if (KIND == 1) term = (W == 1) ? (w[0] ? term : -term) : !w[0] ? 0 : w[W-1] ? -term : term;
      if (KIND == 2) begin term = term << w[W-2:0]; if (w[W-1]) term = -term; end
      en = 0; tick; if (STAGES == 2) tick;
      en = 1; #1 tick; en = 0;
      sum[4*bank+slot] = (fresh ? 0 : sum[4*bank+slot]) + term;
      #1 if (q !== sum[4*bank+slot]) bad = bad + 1;
    end
    $display("bad %0d", bad);
  end
endmodule
"""
ENCODER = """
module tb;
  reg clk = 0, start = 0, fresh = 0, scan = 0, write = 0; reg [2:0] to, from; reg [11:0] h; reg [63:0] seen;
  wire [1:0] put; wire [5:0] offset; wire [5:0] count; integer i, k;
  encoder #(.LANES(2), .A(3), .COLUMNS(2), .FLAGS(16), .B(6), .OFFSET(3)) e (.clk(clk), .start(start), .fresh(fresh),
    .scan(scan), .write(write), .more(1'b0), .to(to), .from(from), .first(6'd0), .last(6'd16), .h(h), .put(put),
    .offset(offset), .count(count));
  initial begin
    for (i = 0; i < 8; i = i + 1) begin
      write = 1; to = i; h = (i == 1) ? 12'o7000 : (i == 6) ? 12'o0010 : 0; #5 clk = 1; #5 clk = 0;
    end
    write = 0; scan = 1;
    for (i = 0; i < 8; i = i + 1) begin
      from = i; start = i == 0; fresh = i == 0;
      #5 for (k = 0; k < 2; k = k + 1) if (put[k]) $display("%0d +%0d", 2*i+k, offset[3*k +: 3]);
      clk = 1; #5 clk = 0;
    end
    $display("count %0d", count);
  end
endmodule
"""


def run(tmp_path: Path, text: str, **parameters: int) -> str:
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    names = ", ".join(f"{name} = {value}" for name, value in parameters.items())
    head = f"module tb #(parameter {names});" if parameters else "module tb;"
    (tmp_path / "tb.v").write_text(CELLS + text.replace("module tb;", head))
    subprocess.run(["iverilog", "-g2012", "-s", "tb", "-o", "a.vvp", *RTL, "tb.v"], cwd=tmp_path, check=True)
    found = subprocess.run(["vvp", "-n", "a.vvp"], cwd=tmp_path, check=True, capture_output=True, text=True)
    return found.stdout


@pytest.mark.parametrize(
    ("kind", "weight_bits", "act_bits", "sum_bits", "stages"),
    [(0, 8, 8, 24, 1), (0, 12, 12, 34, 2), (1, 1, 12, 24, 2), (1, 2, 12, 24, 1), (2, 4, 8, 32, 1)],
)
def test_a_pe_adds_products_to_the_entry_of_its_bank(
    tmp_path: Path, kind: int, weight_bits: int, act_bits: int, sum_bits: int, stages: int
) -> None:
    found = run(tmp_path, PE, KIND=kind, W=weight_bits, A=act_bits, N=sum_bits, STAGES=stages)
    assert found == "bad 0\n"


def test_the_encoder_lists_what_is_not_zero_in_any_lane_and_pads_long_runs(tmp_path: Path) -> None:
    """Columns 3 and 12 hold a value in one lane; an offset of three bits reaches eight columns ahead."""
    assert run(tmp_path, ENCODER).split("\n")[:-1] == ["3 +4", "11 +0", "12 +1", "count 3"]
