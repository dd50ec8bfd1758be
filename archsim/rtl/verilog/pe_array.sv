// The PEs of all lanes: each takes the weight of its row, which lanes share, and its lane's operand.
//
// Mirrors the data path of archsim/machine/pe_array.py; its control is in pe_control.sv.
`default_nettype none
module pe_array #(
  parameter LANES = 1,
  parameter PES = 4,              // PEs of a lane
  parameter KIND = 0,
  parameter WEIGHT_BITS = 8,
  parameter OPERAND_BITS = 8,
  parameter MOST_SHIFT = 0,
  parameter SHIFT_BITS = 1,
  parameter SUM_BITS = 24,
  parameter STAGES = 1,
  parameter BANKS = 1,
  parameter BANK_BITS = 1,
  parameter ENTRIES = 4,
  parameter PLACE_BITS = 2,
  parameter READ_PORTS = 1
) (
  input  wire clk,
  input  wire reset,
  input  wire [BANKS-1:0] open,
  input  wire [PES-1:0] add,                          // PEs of a lane that have a row in this cycle
  input  wire [BANK_BITS-1:0] add_bank,
  input  wire [PES*PLACE_BITS-1:0] add_places,
  input  wire [PES*WEIGHT_BITS-1:0] weights,
  input  wire [PES*SHIFT_BITS-1:0] shifts,            // of the rows
  input  wire [LANES*OPERAND_BITS-1:0] operands,
  input  wire [BANK_BITS-1:0] read_bank,
  input  wire [LANES*PES*READ_PORTS*PLACE_BITS-1:0] read_places,
  output wire [LANES*PES*READ_PORTS*SUM_BITS-1:0] sums
);
  genvar l, j;
  generate
    for (l = 0; l < LANES; l = l + 1) begin : g_lane
      for (j = 0; j < PES; j = j + 1) begin : g_pe
        pe #(
          .KIND(KIND), .WEIGHT_BITS(WEIGHT_BITS), .OPERAND_BITS(OPERAND_BITS), .MOST_SHIFT(MOST_SHIFT),
          .SHIFT_BITS(SHIFT_BITS), .SUM_BITS(SUM_BITS), .STAGES(STAGES), .BANKS(BANKS), .BANK_BITS(BANK_BITS),
          .ENTRIES(ENTRIES), .PLACE_BITS(PLACE_BITS), .READ_PORTS(READ_PORTS)
        ) pe (
          .clk(clk), .reset(reset), .open(open), .add(add[j]), .add_bank(add_bank),
          .add_place(add_places[PLACE_BITS*j +: PLACE_BITS]), .weight(weights[WEIGHT_BITS*j +: WEIGHT_BITS]),
          .operand(operands[OPERAND_BITS*l +: OPERAND_BITS]), .shift(shifts[SHIFT_BITS*j +: SHIFT_BITS]), .read_bank(read_bank),
          .read_places(read_places[READ_PORTS*PLACE_BITS*(l*PES+j) +: READ_PORTS*PLACE_BITS]),
          .sums(sums[READ_PORTS*SUM_BITS*(l*PES+j) +: READ_PORTS*SUM_BITS])
        );
      end
    end
  endgenerate
endmodule
`default_nettype wire
