// Burst-level control: which burst the weight path and the PEs are in, and the scratch banks.
//
// Mirrors archsim/machine/sequencer.py, WeightStream._begin and PEArray._claim / _finish. Several bursts without columns
// may pass in one cycle; ROUNDS copies of sequencer_round decide one after the other.
`default_nettype none
module sequencer #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,
  input  wire [STEP_BITS-1:0] steps,
  input  wire [LANES*STEP_BITS-1:0] lane_steps,
  input  wire [2*LISTS*COUNT_BITS-1:0] list_counts,         // columns of every copy of every list, by {parity, list}
  input  wire act_ended,                                    // a block has been activated: its bank is free
  input  wire list_end,                                     // a list is known from this cycle on
  input  wire [MADE_BITS-1:0] list_end_made,                // which one
  input  wire [STEP_BITS:0] inputs_known,                   // steps whose inputs have arrived
  input  wire [STEP_BITS:0] channel_turns,                  // fetches that have left the channel
  input  wire path_done,                                    // the last word of the burst has left the path
  output wire path_start,                                   // a burst with columns begins to take the path
  output wire [ENTRY_BITS-1:0] path_entry,
  output wire [STEP_BITS-1:0] path_step,
  output wire [STREAMS*COUNT_BITS-1:0] path_counts,         // columns of each of its streams
  output wire path_over,                                    // nothing is left to issue, and the PEs are through
  output wire [1:0] first_on_channel,                       // the first burst of a step takes the channel, by parity
  output wire first_left,                                   // the first burst of a step has left the channel
  output wire [STEP_BITS-1:0] first_left_step,
  input  wire pes_idle,                                     // no column is being consumed or left
  input  wire words_there,                                  // the PEs could begin the burst next_entry
  output wire [ENTRY_BITS-1:0] next_entry,                  // the burst that the PEs take next
  output wire [COUNT_BITS-1:0] next_columns,
  output wire pe_start,                                     // they begin it in this cycle, and it has columns
  output wire [ENTRY_BITS-1:0] pe_entry,                    // that they are in, in the cycle of its start too
  output wire [STEP_BITS-1:0] pe_step,                      // the step of the burst that they began last (register)
  output wire [BANK_BITS-1:0] pe_bank,
  output wire [BANKS-1:0] bank_open,
  output wire [LANES-1:0] pe_lanes,                         // that run the burst's products
  output wire [BANK_COUNT_BITS-1:0] blocks_ended,           // blocks whose last column has been consumed
  output wire step_consumed
);
endmodule
`default_nettype wire
