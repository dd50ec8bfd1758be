// How far the product of the row that each PE of a lane takes in a cycle of a column is shifted, for models whose weights
// have a binary point a row.
//
// first_shifts.hex has by burst and list the line of row_shifts.hex that a column begins with, which has the shifts of all
// PEs in a cycle; the cycles of a column follow one another. Written by archsim/rtl/row_shifts.py. Outputs are valid in the
// cycle itself.
`default_nettype none
module row_shifts #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire run,                                    // a PE cycle
  input  wire first,                                  // the first of its column
  input  wire [ENTRY_BITS-1:0] entry,
  input  wire [LIST_BITS-1:0] list,                   // that the column is of
  output wire [PES*SHIFT_BITS-1:0] shifts
);
  logic [SHIFT_LINE_BITS-1:0] firsts [0:ENTRIES*LISTS-1];
  logic [PES*SHIFT_BITS-1:0] lines [0:SHIFT_LINES-1];
  initial begin
    $readmemh("first_shifts.hex", firsts);
    $readmemh("row_shifts.hex", lines);
  end

  logic [SHIFT_LINE_BITS-1:0] next;
  wire [SHIFT_FIRST_BITS-1:0] of_column =
    SHIFT_FIRST_BITS'(entry) * SHIFT_FIRST_BITS'(LISTS) + SHIFT_FIRST_BITS'(list);
  wire [SHIFT_LINE_BITS-1:0] line = first ? firsts[of_column] : next;
  always_ff @(posedge clk) if (run) next <= line + SHIFT_LINE_BITS'(1);
  assign shifts = lines[line];
endmodule
`default_nettype wire
