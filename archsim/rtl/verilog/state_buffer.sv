// The operands that the machine makes: values in two copies, by the parity of the step that made them, and beside the
// latest of each a flag that says whether it is non-zero, for the encoder.
//
// Results of a cycle are there from the next one on. Values and flags are read in the cycle itself. The host loads the
// values that sequences begin with while nothing runs.
//
// Mirrors archsim/specs/state_buffer.py.
`default_nettype none
module state_buffer #(
  parameter LANES = 1,
  parameter LANE_BITS = 1,
  parameter WIDTH = 1,            // the most elements (of a unit and a lane) of a cycle
  parameter WIDTH_BITS = 1,
  parameter PARTS = 1,            // the most operands that a result becomes
  parameter OPERAND_BITS = 8,
  parameter WORDS = 8,            // values of a lane, both copies
  parameter ADDRESS_BITS = 3,
  parameter FLAGS = 4,            // flags of a lane, which only an encoder needs
  parameter SKIPPING = 1,
  parameter FLAG_BITS = 2,
  parameter UNIT_BITS = 2,
  parameter SCANNED = 1,          // columns that the encoder looks at in a cycle
  parameter COLUMN_BITS = 2
) (
  input  wire clk,
  // results: `count` elements from lane `lane` of a unit on
  input  wire write,
  input  wire [LANE_BITS-1:0] lane,
  input  wire [UNIT_BITS-1:0] unit,
  input  wire [WIDTH_BITS-1:0] count,
  input  wire [PARTS-1:0] parts,                            // operands that there are
  input  wire [PARTS*ADDRESS_BITS-1:0] bases,               // address of each one's unit 0 in the copy that is written
  input  wire [PARTS*FLAG_BITS-1:0] flag_bases,
  input  wire [WIDTH*PARTS*OPERAND_BITS-1:0] results,
  // what sequences begin with
  input  wire load,
  input  wire [ADDRESS_BITS-1:0] load_address,
  input  wire [LANES*OPERAND_BITS-1:0] load_values,
  // an operand's column for the PEs
  input  wire [ADDRESS_BITS-1:0] read_base,
  input  wire [COLUMN_BITS-1:0] read_column,
  output wire [LANES*OPERAND_BITS-1:0] values,
  // flags of successive columns for the encoder
  input  wire [PARTS*FLAG_BITS-1:0] scan_bases,
  input  wire [UNIT_BITS-1:0] scan_unit,
  output wire [PARTS*SCANNED*LANES-1:0] nonzero             // by operand, column and lane
);
  // ---- elements of the cycle ---------------------------------------------------------------------------------------
  logic [WIDTH-1:0] valid;
  logic [WIDTH*LANE_BITS-1:0] lanes;
  logic [WIDTH*UNIT_BITS-1:0] units;
  logic [LANE_BITS:0] own;
  always @* begin
    own = '0;
    for (int i = 0; i < WIDTH; i++) begin
      own = {1'b0, lane} + (LANE_BITS+1)'(i % LANES);
      valid[i] = write && count > WIDTH_BITS'(i);
      units[UNIT_BITS*i +: UNIT_BITS] = unit + UNIT_BITS'(i / LANES);
      if (own >= (LANE_BITS+1)'(LANES)) begin
        own = own - (LANE_BITS+1)'(LANES);
        units[UNIT_BITS*i +: UNIT_BITS] = unit + UNIT_BITS'(i / LANES + 1);
      end
      lanes[LANE_BITS*i +: LANE_BITS] = own[LANE_BITS-1:0];
    end
  end

  wire unused = &{1'b0, scan_unit, units, read_column};
  wire [ADDRESS_BITS-1:0] read_address = read_base + ADDRESS_BITS'(read_column);
  genvar l, k, z;
  generate
    for (l = 0; l < LANES; l = l + 1) begin : g_lane
      logic [OPERAND_BITS-1:0] held [0:WORDS-1];
      always_ff @(posedge clk) begin
        if (load) held[load_address] <= load_values[OPERAND_BITS*l +: OPERAND_BITS];
        for (int i = 0; i < WIDTH; i++)
          for (int p = 0; p < PARTS; p++)
            if (valid[i] && parts[p] && lanes[LANE_BITS*i +: LANE_BITS] == LANE_BITS'(l))
              held[bases[ADDRESS_BITS*p +: ADDRESS_BITS] + ADDRESS_BITS'(units[UNIT_BITS*i +: UNIT_BITS])]
                <= results[OPERAND_BITS*(PARTS*i + p) +: OPERAND_BITS];
      end
      assign values[OPERAND_BITS*l +: OPERAND_BITS] = held[read_address];
      if (SKIPPING) begin : g_flags
        logic flag [0:FLAGS-1];
        always_ff @(posedge clk)
          for (int i = 0; i < WIDTH; i++)
            for (int p = 0; p < PARTS; p++)
              if (valid[i] && parts[p] && lanes[LANE_BITS*i +: LANE_BITS] == LANE_BITS'(l))
                flag[flag_bases[FLAG_BITS*p +: FLAG_BITS] + FLAG_BITS'(units[UNIT_BITS*i +: UNIT_BITS])]
                  <= |results[OPERAND_BITS*(PARTS*i + p) +: OPERAND_BITS];
        for (k = 0; k < PARTS; k = k + 1) begin : g_part
          for (z = 0; z < SCANNED; z = z + 1) begin : g_column
            assign nonzero[LANES*(SCANNED*k + z) + l] =
              flag[scan_bases[FLAG_BITS*k +: FLAG_BITS] + FLAG_BITS'(scan_unit) + FLAG_BITS'(z)];
          end
        end
      end else begin : g_none
        for (k = 0; k < PARTS*SCANNED; k = k + 1) begin : g_column
          assign nonzero[LANES*k + l] = 1'b0;
        end
        wire unused_bases = &{1'b0, flag_bases, scan_bases};
      end
    end
  endgenerate
endmodule
`default_nettype wire
