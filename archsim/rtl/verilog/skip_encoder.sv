// Control of the skip encoder: as many columns a cycle as it can list and as have left the activation unit.
//
// Mirrors archsim/machine/skip_encoder.py. A block is listed ENCODER_STAGES cycles after its last columns are taken; the
// columns of the next block are taken meanwhile.
`default_nettype none
module skip_encoder #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,
  input  wire [COLUMNS_LEFT_BITS-1:0] columns_left,         // columns that are there from this cycle on
  output wire [LISTED_BITS-1:0] encode_columns,
  output wire [UNIT_BITS-1:0] encode_unit,
  output wire encode_first,
  output wire [MADE_BITS-1:0] encode_made,
  output wire [STEP_BITS-1:0] encode_step,
  output wire list_end,                                     // a list is known from this cycle on
  output wire [MADE_BITS-1:0] list_end_made
);
endmodule
`default_nettype wire
