// The registers between a unit's sums and its results in the state: what enters at t leaves at t + STAGES.
//
// The arithmetic itself lies outside (recorded results, or integer_cells.sv); these registers keep its time.
//
// Mirrors the depth of archsim/machine/activation_unit.py.
`default_nettype none
module result_pipeline #(
  parameter STAGES = 1,           // cycles, at least 1
  parameter BITS = 8
) (
  input  wire clk,
  input  wire reset,
  input  wire enter,
  input  wire [BITS-1:0] entering,
  output wire leave,
  output wire [BITS-1:0] leaving
);
  logic [STAGES-1:0] full;
  logic [STAGES*BITS-1:0] pipe;
  always_ff @(posedge clk) begin
    full <= reset ? '0 : STAGES'({full, enter});
    pipe <= (STAGES*BITS)'({pipe, entering});
  end
  assign leave = full[STAGES-1];
  assign leaving = pipe[BITS*(STAGES-1) +: BITS];
endmodule
`default_nettype wire
