// The sums of a group of elements, out of what the PEs show: all of them are there in the last cycle of the group.
//
// An element's sums lie in successive PEs from that of its unit's first row on; which PE, port and cycle each has, by
// its place and the element's rank in its lane, is in `tables`, {PE, port, turn} each. Sums of earlier cycles are held.
//
// Mirrors archsim/mapping/read_out.py and read_out of archsim/machine/functional.py.
`default_nettype none
module read_out #(
  parameter LANES = 1,
  parameter LANE_BITS = 1,
  parameter PES = 4,              // PEs of a lane
  parameter PE_BITS = 2,
  parameter SPAN = 4,             // successive PEs in which all sums of a group lie that belong to one lane
  parameter READ_PORTS = 1,
  parameter PORT_BITS = 1,
  parameter TURN_BITS = 1,
  parameter TURNS = 1,            // the most cycles in which a group's sums are shown
  parameter WIDTH = 1,            // the most elements of a group
  parameter RANKS = 1,            // of which so many belong to one lane
  parameter UNIT_SUMS = 4,        // the most sums of a unit
  parameter SUM_BITS = 24
) (
  input  wire clk,
  input  wire run,
  input  wire [TURN_BITS-1:0] turn,                   // cycle of the group
  input  wire [LANE_BITS-1:0] lane,                   // of the group's first element
  input  wire [PE_BITS-1:0] pe,                       // that has the first row of its unit, and of the unit after it
  input  wire [PE_BITS-1:0] next_pe,
  input  wire [RANKS*UNIT_SUMS*(PE_BITS+PORT_BITS+TURN_BITS)-1:0] tables,
  input  wire [LANES*PES*READ_PORTS*SUM_BITS-1:0] shown,
  output wire [WIDTH*UNIT_SUMS*SUM_BITS-1:0] sums
);
  localparam TABLE_BITS = PE_BITS + PORT_BITS + TURN_BITS;
  localparam PE_SUMS = READ_PORTS * SUM_BITS;         // bits that a PE shows
  localparam WINDOW = SPAN * PE_SUMS;
  localparam SIDE_BY_SIDE = WIDTH < LANES ? WIDTH : LANES;

  // ---- the PEs that matter in each lane, and the lanes of the group's elements in order ----------------------------------
  wire [LANES*WINDOW-1:0] windows;
  wire [SIDE_BY_SIDE*WINDOW-1:0] in_order;
  genvar l, i, x;
  generate
    for (l = 0; l < LANES; l = l + 1) begin : g_lane        // lanes before the first element's show the next unit
      rotator #(.WORDS(PES), .BITS(PE_SUMS), .TAKEN(SPAN), .FIRST_BITS(PE_BITS)) pes (
        .first({1'b0, lane} > (LANE_BITS+1)'(l) ? next_pe : pe), .words(shown[PES*PE_SUMS*l +: PES*PE_SUMS]),
        .taken(windows[WINDOW*l +: WINDOW])
      );
    end
  endgenerate
  rotator #(.WORDS(LANES), .BITS(WINDOW), .TAKEN(SIDE_BY_SIDE), .FIRST_BITS(LANE_BITS)) lanes (
    .first(lane), .words(windows), .taken(in_order)
  );

  // ---- the sums of each element -------------------------------------------------------------------------------------------
  generate
    for (i = 0; i < WIDTH; i = i + 1) begin : g_element
      for (x = 0; x < UNIT_SUMS; x = x + 1) begin : g_sum
        wire [PE_BITS-1:0] distance;
        wire [PORT_BITS-1:0] port;
        wire [TURN_BITS-1:0] own_turn;
        assign {distance, port, own_turn} = tables[TABLE_BITS*(UNIT_SUMS*(i / LANES) + x) +: TABLE_BITS];
        wire [PE_SUMS-1:0] ports;
        wire [SUM_BITS-1:0] now;
        rotator #(.WORDS(SPAN), .BITS(PE_SUMS), .TAKEN(1), .FIRST_BITS(PE_BITS)) own_pe (
          .first(distance), .words(in_order[WINDOW*(i % LANES) +: WINDOW]), .taken(ports)
        );
        rotator #(.WORDS(READ_PORTS), .BITS(SUM_BITS), .TAKEN(1), .FIRST_BITS(PORT_BITS)) own_port (
          .first(port), .words(ports), .taken(now)
        );
        if (TURNS == 1) begin : g_at_once
          assign sums[SUM_BITS*(UNIT_SUMS*i + x) +: SUM_BITS] = now;
          wire unused = &{1'b0, own_turn};
        end else begin : g_held
          logic [SUM_BITS-1:0] held;
          always_ff @(posedge clk) if (run && turn == own_turn) held <= now;
          assign sums[SUM_BITS*(UNIT_SUMS*i + x) +: SUM_BITS] = turn == own_turn ? now : held;
        end
      end
    end
    if (TURNS == 1) begin : g_unused
      wire unused = &{1'b0, clk, run, turn};
    end
  endgenerate
endmodule
`default_nettype wire
