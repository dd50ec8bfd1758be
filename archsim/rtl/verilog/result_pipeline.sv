// The registers between a unit's sums and its results in the state: what enters at t leaves at t + STAGES.
//
// The arithmetic itself lies outside (recorded results, or integer_cells.sv); these registers keep its time.
//
// Mirrors the depth of archsim/machine/activation_unit.py.
`default_nettype none
module result_pipeline #(
  parameter STAGES = 1,           // cycles
  parameter BITS = 8
) (
  input  wire clk,
  input  wire reset,
  input  wire enter,
  input  wire [BITS-1:0] entering,
  output wire leave,
  output wire [BITS-1:0] leaving
);
  generate
    if (STAGES == 0) begin : g_straight
      assign {leave, leaving} = {enter, entering};
      wire unused = &{1'b0, clk, reset};
    end else begin : g_pipeline
      logic [STAGES-1:0] full;
      logic [STAGES*BITS-1:0] pipe;
      always_ff @(posedge clk) begin
        full <= reset ? '0 : STAGES'({full, enter});
        pipe <= (STAGES*BITS)'({pipe, entering});
      end
      assign leave = full[STAGES-1];
      assign leaving = pipe[BITS*(STAGES-1) +: BITS];
    end
  endgenerate
endmodule
`default_nettype wire
