// The registers between flags and operand lists: what the encoder takes at t enters the lists at the end of
// t + STAGES - 1. They lie in front of the logic that lists, for a synthesis to move into it.
//
// Mirrors the stages of archsim/costs/blocks/skip_encoder.py.
`default_nettype none
module scan_pipeline #(
  parameter STAGES = 1,
  parameter BITS = 1
) (
  input  wire clk,
  input  wire reset,
  input  wire [BITS-1:0] taken,
  output wire [BITS-1:0] entering
);
  generate
    if (STAGES == 1) begin : g_straight
      assign entering = taken;
      wire unused = &{1'b0, clk, reset};
    end else begin : g_pipeline
      delay_line #(.CYCLES(STAGES - 1), .BITS(BITS)) stages (.clk(clk), .reset(reset), .in(taken), .out(entering));
    end
  endgenerate
endmodule
`default_nettype wire
