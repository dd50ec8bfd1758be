// A word of a private memory, held while its WEIGHTS weights for each of PES PEs are used, one of each PE a cycle.
module word_register #(parameter PES = 1, WEIGHTS = 4, W = 8, S = $clog2(WEIGHTS)) (
  input clk, take, input [WEIGHTS*PES*W-1:0] word, input [S-1:0] place, output [PES*W-1:0] weights
);
  reg [WEIGHTS*PES*W-1:0] held;
  always @(posedge clk) if (take) held <= word;
  assign weights = held[place*PES*W +: PES*W];
endmodule
