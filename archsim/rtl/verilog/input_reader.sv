// Fetches the inputs of the next step over the DRAM channel into one of two buffers; static order or tdm.
//
// Mirrors archsim/machine/input_reader.py and archsim/machine/dram_channel.py. Without FETCHES all inputs are always there.
`default_nettype none
module input_reader #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,
  input  wire [STEP_BITS-1:0] steps,
  input  wire [LANES*STEP_BITS-1:0] lane_steps,
  input  wire step_consumed,                                // the PEs have consumed a step
  input  wire [1:0] first_on_channel,                       // the first burst of a step takes the channel, by parity
  input  wire first_left,                                   // it has left the channel
  input  wire [STEP_BITS-1:0] first_left_step,
  output wire [STEP_BITS:0] inputs_known,                   // steps whose inputs have arrived
  output wire [STEP_BITS:0] channel_turns                   // steps whose inputs have left the channel, or need none
);
endmodule
`default_nettype wire
