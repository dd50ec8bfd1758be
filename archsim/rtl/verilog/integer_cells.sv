// The arithmetic of the activation unit: an integer_cell for each element of a group, the constants of the units, and
// what lies beside the operands: the latest h of every element, and its word of c and the like.
//
// It stands in the place of results that are recorded: sums of a group in, its results out, in the same cycle. What lies
// beside is written at the edge that ends the cycle; the host loads what sequences begin with while nothing runs, as into
// the state buffer. integer_cell.sv and the contents of both read-only memories are generated
// (archsim/rtl/integer_cell.py, archsim/rtl/integer_cells.py); integer_cells.hex has a line for each block.
`default_nettype none
module integer_cells #(
`include "parameters.svh"
,
`include "integer_cell_parameters.svh"
) (
  input  wire clk,
  input  wire read,                                         // the sums of a group are read in this cycle
  input  wire [BLOCK_BITS-1:0] block,
  input  wire [ELEMENT_BITS-1:0] element,                   // its first: unit by unit, all lanes of one after the other
  input  wire [WIDTH_BITS-1:0] elements,
  input  wire [WIDTH*UNIT_SUMS*SUM_BITS-1:0] sums,
  output wire [WIDTH*RESULT_BITS-1:0] results,
  // what sequences begin with
  input  wire load,
  input  wire [INTEGER_CELLS_KEPT_BITS-1:0] load_address,
  input  wire [INTEGER_CELLS_WORD_BITS-1:0] load_word
);
  localparam H = INTEGER_CELL_H_BITS;
  localparam BESIDE = INTEGER_CELL_BESIDE_BITS;
  localparam SLOT = INTEGER_CELL_RESULT_BITS;
  localparam KEPT_BITS = INTEGER_CELLS_KEPT_BITS;           // of an address in what lies beside
  localparam CONSTANT_BITS = INTEGER_CELLS_CONSTANT_BITS;   // of an address in the constants
  localparam OWN_BITS = ELEMENT_BITS + 1;

  reg [INTEGER_CELLS_LINE_BITS-1:0] blocks [0:BLOCKS-1];
  reg [INTEGER_CELL_CONSTANT_BITS-1:0] constants [0:INTEGER_CELL_CONSTANT_WORDS-1];
  reg [INTEGER_CELLS_WORD_BITS-1:0] kept [0:INTEGER_CELLS_WORDS-1];  // h in the lowest bits; lanes of a unit one after the other
  initial begin
    $readmemh("integer_cells.hex", blocks);
    $readmemh("integer_cell_constants.hex", constants);
  end

  wire [INTEGER_CELLS_LINE_BITS-1:0] line = blocks[block];
  wire [INTEGER_CELL_STAGE_BITS-1:0] stage = line[INTEGER_CELLS_STAGE +: INTEGER_CELL_STAGE_BITS];
  wire [KEPT_BITS-1:0] first_kept = line[INTEGER_CELLS_FIRST_KEPT +: KEPT_BITS];
  wire [CONSTANT_BITS-1:0] first_constant = line[INTEGER_CELLS_FIRST_CONSTANT +: CONSTANT_BITS];
  wire keeps = line[INTEGER_CELLS_KEEPS];                   // the stage has a state
  wire makes_h = line[INTEGER_CELLS_MAKES_H];               // its first result is the new h

  genvar n, p;
  generate
    for (n = 0; n < WIDTH; n = n + 1) begin : g_element
      wire valid = read && elements > WIDTH_BITS'(n);
      wire [OWN_BITS-1:0] own = OWN_BITS'(element) + OWN_BITS'(n);
      wire [KEPT_BITS-1:0] at = first_kept + KEPT_BITS'(own);
      wire [CONSTANT_BITS-1:0] address = first_constant + CONSTANT_BITS'(own / OWN_BITS'(LANES));
      wire [INTEGER_CELLS_WORD_BITS-1:0] held = kept[at];
      wire [INTEGER_CELL_RESULTS*SLOT-1:0] made;
      wire [BESIDE-1:0] beside;
      integer_cell #(.SUM_BITS(SUM_BITS)) cell_of_element (
        .stage(stage), .sums(sums[UNIT_SUMS*SUM_BITS*n +: UNIT_SUMS*SUM_BITS]),
        .constants(constants[address]),
        .h_in(held[H-1:0]), .beside_in(held[H +: BESIDE]), .results(made), .beside_out(beside)
      );
      for (p = 0; p < PARTS; p = p + 1) begin : g_part
        assign results[RESULT_BITS*n + OPERAND_BITS*p +: OPERAND_BITS] = OPERAND_BITS'($signed(made[SLOT*p +: SLOT]));
      end
      always @(posedge clk)
        if (n == 0 && load) kept[load_address] <= load_word;
        else if (valid && keeps) kept[at] <= {beside, makes_h ? made[H-1:0] : held[H-1:0]};
    end
  endgenerate
endmodule
`default_nettype wire
