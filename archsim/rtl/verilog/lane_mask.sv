// The lanes that run at a step, and those whose last step it is. Combinational. Mirrors Trace.active.
`default_nettype none
module lane_mask #(
  parameter LANES = 1,
  parameter STEP_BITS = 16
) (
  input  wire [LANES*STEP_BITS-1:0] lane_steps,
  input  wire [STEP_BITS-1:0] step,
  output reg  [LANES-1:0] running,
  output reg  [LANES-1:0] ending
);
  wire [STEP_BITS:0] after = {1'b0, step} + 1'b1;
  integer lane;
  always @*
    for (lane = 0; lane < LANES; lane = lane + 1) begin
      running[lane] = lane_steps[lane*STEP_BITS +: STEP_BITS] > step;
      ending[lane] = {1'b0, lane_steps[lane*STEP_BITS +: STEP_BITS]} == after;
    end
endmodule
`default_nettype wire
