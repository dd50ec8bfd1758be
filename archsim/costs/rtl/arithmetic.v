// Adders and multipliers made of full adders, which synthesis does not find in `+` and `*`. `fa` becomes the library's
// cell where it has one.

module ripple #(parameter N = 8)(input [N-1:0] a, b, input cin, output [N-1:0] s);
  wire [N:0] c;
  assign c[0] = cin;
  genvar i;
  generate for (i = 0; i < N; i = i + 1) begin : at
    fa f (.a(a[i]), .b(b[i]), .c(c[i]), .s(s[i]), .co(c[i+1]));
  end endgenerate
endmodule

// acc + w * x, signed, modulo 2^N, with W <= A and W + A <= N: a Baugh-Wooley array of carry-save rows that begins with
// the accumulator, and a ripple adder for what the array leaves. Products with one sign bit are inverted, for which
// 2^(W-1) + 2^(A-1) - 2^(W+A-1) makes up: on free carries of the first row, or at bit W where W = A; and at the end.
module mac #(parameter W = 8, A = 8, N = 24)(input [W-1:0] w, input [A-1:0] x, input [N-1:0] acc, output [N-1:0] y);
  localparam T = W + A - 1;
  wire [N:0] s [0:W], c [0:W];
  wire [N:0] r;
  assign s[0] = acc;
  assign c[0] = (W == A) ? 0 : (1 << (W-1)) | (1 << (A-1));
  genvar i, k;
  generate
    for (i = 0; i < W; i = i + 1) begin : row
      for (k = 0; k < N; k = k + 1) begin : at
        if (k >= i && k < i + A) begin : cell_
          wire p = (w[i] & x[k-i]) ^ ((i == W-1) != (k-i == A-1));
          fa f (.a(s[i][k]), .b(c[i][k]), .c(p), .s(s[i+1][k]), .co(c[i+1][k+1]));
        end else begin : pass
          assign s[i+1][k] = s[i][k];
          if (k != i + A) assign c[i+1][k] = 1'b0;
        end
      end
      assign c[i+1][i] = 1'b0;
    end
    for (k = 0; k < W; k = k + 1) begin : low assign y[k] = s[W][k]; end
    assign r[W] = (W == A);
    for (k = W; k < T; k = k + 1) begin : middle
      fa f (.a(s[W][k]), .b(c[W][k]), .c(r[k]), .s(y[k]), .co(r[k+1]));
    end
  endgenerate
  wire both = c[W][T] & r[T], none = ~c[W][T] & ~r[T];
  wire [N-T-1:0] less = {{(N-T){none}}} | {{(N-T-1){1'b0}}, both};
  ripple #(.N(N-T)) high (.a(s[W][N-1:T]), .b(less), .cin(1'b0), .s(y[N-1:T]));
endmodule
