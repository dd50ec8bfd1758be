// Where a column begins in memory: its number times the words of a column, after the first of the block. Lanes whose
// one-hot inputs are equal share a column: each lane's symbol is compared with those of the lanes before it.
module addresses #(parameter B = 16, WORDS = 7, LANES = 1, ADDRESS = 32)(
  input clk, input [B-1:0] column, input [WORDS-1:0] words, input [ADDRESS-1:0] base, input [LANES*B-1:0] symbols,
  output reg [ADDRESS-1:0] address, output reg [LANES-1:0] leads
);
  localparam SMALL = (WORDS < B) ? WORDS : B, LARGE = (WORDS < B) ? B : WORDS, P = B + WORDS + 2;
  wire [P-1:0] product; wire [ADDRESS-1:0] sum;
  // One bit more on each side makes the signed product that of numbers without a sign.
  mac #(.W(SMALL+1), .A(LARGE+1), .N(P)) m (.w({1'b0, words}), .x({1'b0, column}), .acc({P{1'b0}}), .y(product));
  wire [ADDRESS+P-1:0] wide = product;
  ripple #(.N(ADDRESS)) add (.a(wide[ADDRESS-1:0]), .b(base), .cin(1'b0), .s(sum));
  integer a, b;
  always @(posedge clk) begin
    address <= sum;
  end
  always @* for (a = 0; a < LANES; a = a + 1) begin
    leads[a] = 1'b1;
    for (b = 0; b < a; b = b + 1) if (symbols[a*B +: B] == symbols[b*B +: B]) leads[a] = 1'b0;
  end
endmodule
