// Whether some lane is at its last step. Combinational. Mirrors Trace.active with when = "last_step".
`default_nettype none
module last_step #(
  parameter LANES = 1,
  parameter STEP_BITS = 16
) (
  input  wire [LANES*STEP_BITS-1:0] lane_steps,
  input  wire [STEP_BITS-1:0] step,
  output reg  any
);
  wire [STEP_BITS:0] after = {1'b0, step} + 1'b1;
  integer lane;
  always @* begin
    any = 1'b0;
    for (lane = 0; lane < LANES; lane = lane + 1)
      if ({1'b0, lane_steps[lane*STEP_BITS +: STEP_BITS]} == after) any = 1'b1;
  end
endmodule
`default_nettype wire
