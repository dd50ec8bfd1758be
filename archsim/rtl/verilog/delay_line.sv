// A value, CYCLES later.
`default_nettype none
module delay_line #(
  parameter CYCLES = 1,
  parameter BITS = 1
) (
  input  wire clk,
  input  wire reset,
  input  wire [BITS-1:0] in,
  output wire [BITS-1:0] out
);
  reg [CYCLES*BITS-1:0] values;                             // the latest one in the lowest bits
  generate
    if (CYCLES == 1) begin : one
      always @(posedge clk) values <= reset ? {BITS{1'b0}} : in;
    end else begin : many
      always @(posedge clk) values <= reset ? {CYCLES*BITS{1'b0}} : {values[(CYCLES-1)*BITS-1:0], in};
    end
  endgenerate
  assign out = values[(CYCLES-1)*BITS +: BITS];
endmodule
`default_nettype wire
