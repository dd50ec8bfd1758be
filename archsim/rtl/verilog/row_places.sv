// The place in its PE's scratch bank of the row that each PE of a lane takes in a cycle of a column.
//
// Rows are dealt out either one by one, so that cycle k holds rows k * PES + j, or unit by unit, so that each unit lies
// in one PE and a cycle holds one row of each. In both, a PE's place is a base plus a distance that depends on the row's
// position in its unit and on the stream. Outputs are valid in the cycle itself.
//
// Mirrors places of archsim/machine/functional.py.
`default_nettype none
module row_places #(
  parameter PES = 4,              // PEs of a lane
  parameter POSITIONS = 1,        // most rows of a unit; 1 where all of a stream's rows lie alike
  parameter POSITION_BITS = 1,
  parameter PLACE_BITS = 2
) (
  input  wire clk,
  input  wire run,                                    // a PE cycle
  input  wire first,                                  // the first of its column
  input  wire unit_by_unit,
  input  wire [POSITION_BITS-1:0] last_position,      // rows of a unit, less 1
  input  wire [POSITION_BITS-1:0] step,               // positions from one cycle to the next
  input  wire [PES*POSITION_BITS-1:0] starts,         // position of each PE's first row
  input  wire [PLACE_BITS-1:0] stride,                // places from one row of a PE, or unit, to the next
  input  wire [POSITIONS*PLACE_BITS-1:0] distances,   // by position
  output logic [PES*PLACE_BITS-1:0] places
);
  logic [PLACE_BITS-1:0] base, kept_base;
  logic [PES*POSITION_BITS-1:0] position, kept_position;
  logic [POSITION_BITS:0] sum;
  logic wraps;

  assign base = first ? '0 : kept_base;
  assign position = first ? starts : kept_position;
  assign wraps = position[POSITION_BITS-1:0] == last_position;

  always @*
    for (int j = 0; j < PES; j++)
      places[PLACE_BITS*j +: PLACE_BITS] = base + ((POSITIONS == 1)
        ? distances[PLACE_BITS-1:0]
        : distances[PLACE_BITS*position[POSITION_BITS*j +: POSITION_BITS] +: PLACE_BITS]);

  always_ff @(posedge clk)
    if (run) begin
      if (!unit_by_unit || wraps) kept_base <= base + stride;
      else kept_base <= base;
    end

  generate
    if (POSITIONS == 1) begin : g_alike
      assign sum = '0;
      assign kept_position = '0;
      wire unused = &{1'b0, step, starts, sum, position};
    end else begin : g_apart
      logic [PES*POSITION_BITS-1:0] next;
      always @* begin
        sum = '0;
        for (int j = 0; j < PES; j++) begin
          sum = {1'b0, position[POSITION_BITS*j +: POSITION_BITS]} + {1'b0, step};
          if (sum > {1'b0, last_position}) sum = sum - {1'b0, last_position} - (POSITION_BITS+1)'(1);
          next[POSITION_BITS*j +: POSITION_BITS] = sum[POSITION_BITS-1:0];
        end
      end
      always_ff @(posedge clk) if (run) kept_position <= next;
    end
  endgenerate
endmodule
`default_nettype wire
