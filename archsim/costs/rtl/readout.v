// The read-out: OUT sums a cycle from PES PEs. Sum o comes from a PE whose number leaves o over OUT; where the first is
// no multiple of OUT, the later ones lie a group further, and all are turned into order within TURN of them.
module readout #(parameter PES = 8, UNITS = 1, ROWS = 4, N = 24, ENTRIES = 16, POINTER = 20, TURN = ROWS,
                 OUT = ROWS * UNITS, GROUPS = (PES + OUT - 1) / OUT, G = (GROUPS > 1) ? $clog2(GROUPS) : 1,
                 E = (ENTRIES > 1) ? $clog2(ENTRIES) : 1)(
  input clk, rst, go, opens, adds, input [E-1:0] opened, added, input [UNITS*POINTER-1:0] load, stride,
  input [PES*N-1:0] sums, input [G-1:0] group, input [$clog2(TURN)-1:0] turn,
  output [OUT*N-1:0] read, output reg [UNITS*POINTER-1:0] at
);
  // Entries to which something has been added since their block opened.
  reg [ENTRIES-1:0] holds; integer v;
  always @(posedge clk) for (v = 0; v < ENTRIES; v = v + 1)
    if (rst || (opens && opened == v)) holds[v] <= 1'b0; else if (adds && added == v) holds[v] <= 1'b1;
  wire clean = ~holds[at[E-1:0]];

  genvar o, p, u;
  wire [N-1:0] picked [0:OUT-1];
  generate
    for (o = 0; o < OUT; o = o + 1) begin : tree
      wire [N-1:0] column [0:(1<<G)-1];
      for (p = 0; p < (1 << G); p = p + 1) begin : pe
        if (p * OUT + o < PES) assign column[p] = sums[(p*OUT+o)*N +: N]; else assign column[p] = {N{1'bx}};
      end
      wire [G-1:0] mine = (o % TURN < turn && GROUPS > 1) ? group + 1'b1 : group;
      assign picked[o] = column[mine] & {N{~clean}};
    end
    for (o = 0; o < OUT; o = o + 1) begin : order
      wire [N-1:0] window [0:TURN-1];
      for (p = 0; p < TURN; p = p + 1) begin : turned
        assign window[p] = picked[o - o % TURN + (o + p) % TURN];
      end
      assign read[o*N +: N] = window[turn];
    end
    for (u = 0; u < UNITS; u = u + 1) begin : pointer
      wire [POINTER-1:0] now = at[u*POINTER +: POINTER];
      wire [POINTER-1:0] next;
      ripple #(.N(POINTER)) add (.a(now), .b(stride[u*POINTER +: POINTER]), .cin(1'b0), .s(next));
      always @(posedge clk) at[u*POINTER +: POINTER] <= go ? load[u*POINTER +: POINTER] : next;
    end
  endgenerate
endmodule
