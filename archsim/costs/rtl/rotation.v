// Bus words of BUS weights to rows of PES PEs: what a word has left over is kept, and a row begins at any weight of both.
module rotation #(parameter BUS = 8, PES = 6, W = 8, S = $clog2(BUS + 1))(
  input clk, take, input [BUS*W-1:0] word, input [S-1:0] skip, output [PES*W-1:0] row
);
  reg [BUS*W-1:0] kept;
  always @(posedge clk) if (take) kept <= word;
  wire [2*BUS*W-1:0] both = {word, kept};
  wire [(2*BUS+PES)*W-1:0] turned = {{(PES*W){1'b0}}, both} >> (skip * W);
  assign row = turned[PES*W-1:0];
endmodule
