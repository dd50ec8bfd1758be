// A PE: operand registers, the product merged with the accumulator's adder, and banks of clock-gated accumulators.
// KIND 0 multiplies, 1 adds, subtracts or ignores (W 1: binary, 2: ternary), 2 shifts (W: a sign and an exponent).
// With two STAGES the product, or the chosen operand, is registered before it is added.
module pe #(parameter KIND = 0, W = 8, A = 8, N = 24, ENTRIES = 16, BANKS = 1, STAGES = 1,
            E = (ENTRIES > 1) ? $clog2(ENTRIES) : 1)(
  input clk, en, fresh, bank, rbank, input [W-1:0] w_in, input [A-1:0] x_in, input [E-1:0] slot, rslot,
  output [N-1:0] q
);
  reg [W-1:0] w; reg [A-1:0] x;
  always @(posedge clk) begin w <= w_in; x <= x_in; end
  wire [N-1:0] old, sum;
  wire [N-1:0] acc = fresh ? {N{1'b0}} : old;

  // What is added to the accumulator: P bits and a carry.
  localparam P = (KIND == 0) ? W + A : (KIND == 1) ? A + 1 : A + (1 << (W-1)) - 1;
  generate if (KIND == 0 && STAGES == 1) begin : merged
    mac #(.W(W), .A(A), .N(N)) m (.w(w), .x(x), .acc(acc), .y(sum));
  end else begin : apart
    wire [P-1:0] term; wire carry;
    if (KIND == 0) begin : product
      mac #(.W(W), .A(A), .N(P)) m (.w(w), .x(x), .acc({P{1'b0}}), .y(term)); assign carry = 1'b0;
    end else if (KIND == 1) begin : choice
      wire some = (W == 1) || w[0], minus = (W == 1) ? ~w[0] : w[W-1];
      assign term = ({x[A-1], x} & {P{some}}) ^ {P{minus & some}}; assign carry = minus & some;
    end else begin : shifted
      wire [P-1:0] wide = {{(P-A){x[A-1]}}, x};
      assign term = (wide << w[W-2:0]) ^ {P{w[W-1]}}; assign carry = w[W-1];
    end
    wire [P-1:0] t; wire c;
    if (STAGES == 1) begin : direct assign t = term; assign c = carry; end
    else begin : cut reg [P-1:0] tr; reg cr; always @(posedge clk) begin tr <= term; cr <= carry; end
      assign t = tr; assign c = cr; end
    ripple #(.N(N)) add (.a(acc), .b({{(N-P){t[P-1]}}, t}), .cin(c), .s(sum));
  end endgenerate

  wire [N-1:0] port [0:BANKS-1];
  assign old = (BANKS == 2 && bank) ? port[BANKS-1] : port[0];
  assign q = (BANKS == 2 && rbank) ? port[BANKS-1] : port[0];
  genvar b, i;
  generate for (b = 0; b < BANKS; b = b + 1) begin : bk
    wire mine = (BANKS == 1) || bank == b;
    wire [E-1:0] at = (BANKS == 1) ? (en ? slot : rslot) : (mine ? slot : rslot);
    wire [N-1:0] all [0:ENTRIES-1];
    for (i = 0; i < ENTRIES; i = i + 1) begin : entry
      wire g; reg [N-1:0] r;
      gate cg (.clk(clk), .en(en & mine & (ENTRIES == 1 || slot == i)), .gclk(g));
      always @(posedge g) r <= sum;
      assign all[i] = r;
    end
    assign port[b] = all[(ENTRIES == 1) ? 0 : at];
  end endgenerate
endmodule
