// The activation of one unit a cycle: eight row scales and four shifts, five PLAN curves, and the update of the state.
// A sum takes part with S of its N bits; by default as many as a scale has. Numbers have B - 5 bits after the point.

// PLAN (Amin, Curtis, Hayes-Gill 1997): four segments with slopes that are powers of two; tanh(x) = 2 plan(2x) - 1.
module plan #(parameter B = 16, TANH = 0)(input [B-1:0] x_in, output [B-1:0] y);
  localparam F = B - 5;
  wire [B-1:0] x = TANH ? {x_in[B-2:0], 1'b0} : x_in, m = x[B-1] ? ~x : x;
  localparam [B-1:0] ONE = 1 << F;
  wire [B-1:0] p = (m >= 5 * ONE) ? ONE : (m >= 19 * ONE / 8) ? (m >> 5) + 27 * ONE / 32
                 : (m >= ONE) ? (m >> 3) + 5 * ONE / 8 : (m >> 2) + ONE / 2;
  wire [B-1:0] s = x[B-1] ? ONE - p : p;
  assign y = TANH ? {s[B-2:0], 1'b0} - ONE : s;
endmodule

module ranks #(parameter D = 16, COUNT = 1)(input clk, input [D-1:0] d, output [D-1:0] q);
  generate if (COUNT <= 0) begin : none assign q = d; end else begin : some
    reg [D-1:0] r [0:COUNT-1]; integer i;
    always @(posedge clk) begin r[0] <= d; for (i = 1; i < COUNT; i = i + 1) r[i] <= r[i-1]; end
    assign q = r[COUNT-1];
  end endgenerate
endmodule

module activation #(parameter N = 24, B = 16, K = 16, S = 16, STAGES = 4)(
  input clk, input [8*N-1:0] sums, input [8*K-1:0] scales, input [4*B-1:0] shifts, input [B-1:0] c_in,
  output [B-1:0] c_out, h_out
);
  localparam F = B - 5;
  // Ranks of registers after the scales, the gates, the new c and its tanh; what is left over cuts the curves.
  localparam CUTS = STAGES - 1, AFTER_GATES = (CUTS > 3) ? CUTS - 3 : (CUTS > 0), AFTER_SCALES = CUTS > 1,
             AFTER_C = CUTS > 2, AFTER_TANH = CUTS > 3;
  wire [4*B-1:0] pre, gates; wire [B-1:0] c0, c1;
  genvar g;
  generate for (g = 0; g < 4; g = g + 1) begin : gate_of
    wire [S+K-1:0] px, ph;
    wire [N-1:0] sx = sums[2*g*N +: N], sh = sums[(2*g+1)*N +: N];
    mac #(.W(K), .A(S), .N(S+K)) mx (.w(scales[2*g*K +: K]), .x(sx[N-1 -: S]), .acc({(S+K){1'b0}}), .y(px));
    mac #(.W(K), .A(S), .N(S+K)) mh (.w(scales[(2*g+1)*K +: K]), .x(sh[N-1 -: S]), .acc({(S+K){1'b0}}), .y(ph));
    wire [N-1:0] a, b;
    ripple #(.N(N)) first (.a(px[S+K-1 -: N]), .b({{(N-B){shifts[g*B+B-1]}}, shifts[g*B +: B]}), .cin(1'b0), .s(a));
    ripple #(.N(N)) second (.a(ph[S+K-1 -: N]), .b(a), .cin(1'b0), .s(b));
    assign pre[g*B +: B] = b[N-1 -: B];
  end endgenerate
  wire [5*B-1:0] scaled, used;
  ranks #(.D(5*B), .COUNT(AFTER_SCALES)) r1 (.clk(clk), .d({c_in, pre}), .q(scaled));
  generate for (g = 0; g < 4; g = g + 1) begin : curve_of
    plan #(.B(B), .TANH(g == 3)) p (.x_in(scaled[g*B +: B]), .y(gates[g*B +: B]));
  end endgenerate
  ranks #(.D(5*B), .COUNT(AFTER_GATES)) r2 (.clk(clk), .d({scaled[4*B +: B], gates}), .q(used));
  wire [2*B-1:0] ig, fc, oh; wire [B-1:0] c; wire [2*B-1:0] kept; wire [B-1:0] t; wire [2*B-1:0] last;
  mac #(.W(B), .A(B), .N(2*B)) mi (.w(used[0 +: B]), .x(used[3*B +: B]), .acc({2*B{1'b0}}), .y(ig));
  mac #(.W(B), .A(B), .N(2*B)) mf (.w(used[B +: B]), .x(used[4*B +: B]), .acc({2*B{1'b0}}), .y(fc));
  ripple #(.N(B)) ac (.a(ig[F +: B]), .b(fc[F +: B]), .cin(1'b0), .s(c));
  ranks #(.D(2*B), .COUNT(AFTER_C)) r3 (.clk(clk), .d({used[2*B +: B], c}), .q(kept));
  plan #(.B(B), .TANH(1)) pt (.x_in(kept[0 +: B]), .y(t));
  ranks #(.D(2*B), .COUNT(AFTER_TANH)) r4 (.clk(clk), .d({kept[B +: B], t}), .q(last));
  mac #(.W(B), .A(B), .N(2*B)) mo (.w(last[B +: B]), .x(last[0 +: B]), .acc({2*B{1'b0}}), .y(oh));
  assign h_out = oh[F +: B];
  assign c_out = kept[0 +: B];
endmodule
