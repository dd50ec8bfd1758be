// Control of the activation unit: blocks in order, group by group of elements, and when their columns are complete.
//
// Mirrors archsim/machine/activation_unit.py and archsim/mapping/read_out.py. Groups of `width` elements take `turns`
// cycles each. columns_left counts the columns whose elements of all lanes are in the state from this cycle on.
`default_nettype none
module activation_unit #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,
  input  wire [STEP_BITS-1:0] steps,
  input  wire [LANES*STEP_BITS-1:0] lane_steps,
  input  wire [BANK_COUNT_BITS-1:0] blocks_ended,           // blocks that the PEs finish in this cycle
  output wire act_ended,                                    // a block's last cycle was the one before (register)
  output wire [COLUMNS_LEFT_BITS-1:0] columns_left,         // of listed blocks (register)
  output wire over,                                         // all blocks of the run have left the pipeline
  output wire act_run,
  output wire act_start,
  output wire act_last,
  output wire [BLOCK_BITS-1:0] act_block,
  output wire [STEP_BITS-1:0] act_step,
  output wire [BANK_BITS-1:0] act_bank,
  output wire [TURN_BITS-1:0] act_turn,
  output wire group_end,
  output wire [ELEMENT_BITS-1:0] act_element,
  output wire [WIDTH_BITS-1:0] act_elements
);
endmodule
`default_nettype wire
