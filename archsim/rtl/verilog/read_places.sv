// Where the sums of a group of elements lie: what each PE shows the activation unit in each cycle of the group.
//
// Elements are taken unit by unit and, within a unit, lane by lane. The rows of a group of units are successive, so each
// PE shows its own sums of them in the order in which they lie, READ_PORTS a cycle, from a base that advances from group
// to group. Lanes before `lane` show the next unit. Outputs are valid in the cycle itself.
//
// Mirrors archsim/mapping/read_out.py.
`default_nettype none
module read_places #(
  parameter LANES = 1,
  parameter LANE_BITS = 1,
  parameter PES = 4,              // PEs of a lane
  parameter PE_BITS = 2,
  parameter PLACE_BITS = 2,
  parameter READ_PORTS = 1,
  parameter TURN_BITS = 1,
  parameter TURNS = 1,            // the most cycles in which a group's sums are shown
  parameter UNIT_BITS = 4
) (
  input  wire clk,
  input  wire start,                                  // the first cycle of a block
  input  wire group_end,                              // the last cycle of a group
  input  wire [TURN_BITS-1:0] turn,                   // cycle of the group
  input  wire [UNIT_BITS-1:0] first_unit,             // of the block, in its stage
  input  wire [PLACE_BITS-1:0] stride,                // places from one row of a PE, or unit, to the next
  input  wire [PE_BITS-1:0] unit_pes,                 // from a unit to the next: PEs, and places
  input  wire [PLACE_BITS-1:0] unit_places,
  input  wire [UNIT_BITS-1:0] group_units,            // from a group to the next: whole units, and lanes
  input  wire [LANE_BITS-1:0] group_lanes,
  input  wire [PE_BITS-1:0] group_pes,                // the PEs and places of these units
  input  wire [PLACE_BITS-1:0] group_places,
  output wire [UNIT_BITS-1:0] unit,                   // of the group's first element
  output wire [LANE_BITS-1:0] lane,
  output wire [PE_BITS-1:0] pe,                       // that has the first row of `unit`, and of the unit after it
  output wire [PE_BITS-1:0] next_pe,
  output logic [LANES*PES*READ_PORTS*PLACE_BITS-1:0] places
);
  logic [UNIT_BITS-1:0] kept_unit;
  logic [LANE_BITS-1:0] kept_lane;
  logic [PE_BITS-1:0] kept_pe;
  logic [PLACE_BITS-1:0] kept_base;
  assign unit = start ? first_unit : kept_unit;
  assign lane = start ? '0 : kept_lane;
  assign pe = start ? '0 : kept_pe;
  wire [PLACE_BITS-1:0] base = start ? '0 : kept_base;

  function automatic [PE_BITS+PLACE_BITS-1:0] advanced(
    input [PE_BITS-1:0] from_pe, input [PLACE_BITS-1:0] from_base, input [PE_BITS-1:0] pes, input [PLACE_BITS-1:0] by
  );
    logic [PE_BITS:0] sum;
    begin
      sum = {1'b0, from_pe} + {1'b0, pes};
      advanced = {sum[PE_BITS-1:0], from_base + by};
      if (sum >= (PE_BITS+1)'(PES)) begin
        sum = sum - (PE_BITS+1)'(PES);
        advanced = {sum[PE_BITS-1:0], from_base + by + stride};
      end
    end
  endfunction

  wire [PLACE_BITS-1:0] next_base;
  assign {next_pe, next_base} = advanced(pe, base, unit_pes, unit_places);

  // ---- the group after this one --------------------------------------------------------------------------------------
  wire [PE_BITS-1:0] after_pe;
  wire [PLACE_BITS-1:0] after_base;
  assign {after_pe, after_base} = advanced(pe, base, group_pes, group_places);
  wire [LANE_BITS:0] lanes = {1'b0, lane} + {1'b0, group_lanes};
  wire carries = lanes >= (LANE_BITS+1)'(LANES);
  wire [LANE_BITS:0] lanes_left = carries ? lanes - (LANE_BITS+1)'(LANES) : lanes;
  wire unused = lanes_left[LANE_BITS];
  always_ff @(posedge clk)
    if (group_end) begin
      kept_unit <= unit + group_units + UNIT_BITS'(carries);
      kept_lane <= lanes_left[LANE_BITS-1:0];
      {kept_pe, kept_base} <= carries ? advanced(after_pe, after_base, unit_pes, unit_places) : {after_pe, after_base};
    end else if (start) begin
      kept_unit <= unit;
      kept_lane <= lane;
      {kept_pe, kept_base} <= {pe, base};
    end

  // ---- places ----------------------------------------------------------------------------------------------------------
  logic [PLACE_BITS-1:0] own_base;
  logic [PE_BITS-1:0] own_pe;
  logic [READ_PORTS*PLACE_BITS-1:0] from_own, before_own;   // what PEs show from `own_pe` on, and those before it
  // Where one cycle shows all sums, a group may still take more of them, in which they stay.
  wire [PLACE_BITS-1:0] shown = TURNS == 1 ? '0 : PLACE_BITS'(turn) * PLACE_BITS'(READ_PORTS);
  wire unused_turn = &{1'b0, turn};
  always @* begin
    own_base = base;
    own_pe = pe;
    from_own = '0;
    before_own = '0;
    for (int l = 0; l < LANES; l++) begin
      own_base = lane > LANE_BITS'(l) ? next_base : base;
      own_pe = lane > LANE_BITS'(l) ? next_pe : pe;
      for (int p = 0; p < READ_PORTS; p++) begin
        from_own[PLACE_BITS*p +: PLACE_BITS] = own_base + shown + PLACE_BITS'(p);
        before_own[PLACE_BITS*p +: PLACE_BITS] = own_base + stride + shown + PLACE_BITS'(p);
      end
      for (int j = 0; j < PES; j++)
        places[READ_PORTS*PLACE_BITS*(l*PES + j) +: READ_PORTS*PLACE_BITS] = own_pe > PE_BITS'(j) ? before_own : from_own;
    end
  end
endmodule
`default_nettype wire
