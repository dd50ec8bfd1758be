// Control of the skip encoder: as many columns a cycle as it can list and as have left the activation unit.
//
// Mirrors archsim/machine/skip_encoder.py. A block is listed ENCODER_STAGES cycles after its last columns are taken; the
// columns of the next block are taken meanwhile.
`default_nettype none
module skip_encoder #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,
  input  wire [STEP_BITS-1:0] steps,
  input  wire [COLUMNS_LEFT_BITS-1:0] columns_left,         // columns that are there from this cycle on
  output wire [LISTED_BITS-1:0] encode_columns,
  output wire [UNIT_BITS-1:0] encode_unit,
  output wire encode_first,
  output wire [MADE_BITS-1:0] encode_made,
  output wire [STEP_BITS-1:0] encode_step,
  output wire list_end,                                     // a list is known from this cycle on
  output wire [MADE_BITS-1:0] list_end_made,
  output wire over                                          // all lists of the run are known
);
  reg [BLOCK_LINE_BITS-1:0] blocks [0:BLOCKS-1];
  initial $readmemh("blocks.hex", blocks);

  reg [BLOCK_BITS-1:0] block;                               // whose columns are taken
  reg [STEP_BITS-1:0] step;
  reg [UNIT_BITS-1:0] unit;                                 // columns of it that have been taken
  reg [UNIT_BITS-1:0] there;                                // columns that have left and have not been taken

  wire [BLOCK_LINE_BITS-1:0] line = blocks[block];
  wire [UNIT_BITS-1:0] there_now = there + UNIT_BITS'(columns_left);
  wire [UNIT_BITS-1:0] rest = line[K_UNITS +: UNIT_BITS] - unit;
  wire [UNIT_BITS-1:0] some = there_now < rest ? there_now : rest;
  wire [UNIT_BITS-1:0] taken = SKIPPING && some > COLUMNS_PER_CYCLE ? UNIT_BITS'(COLUMNS_PER_CYCLE) : some;
  wire block_taken = taken == rest;
  wire ends_step = block_taken && line[K_LAST_LISTED];

  assign encode_columns = SKIPPING ? taken[LISTED_BITS-1:0] : {LISTED_BITS{1'b0}};
  assign encode_unit = line[K_FIRST_UNIT +: UNIT_BITS] + unit;
  assign encode_first = encode_unit == 0;
  assign encode_made = line[K_MADE +: MADE_BITS];
  assign encode_step = step;

  wire ends_list = block_taken && line[K_ENDS_LIST];
  wire last = ends_step && step + 1'b1 == steps;            // of the run
  wire list_end_last;
  reg no_more;
  assign over = no_more || list_end_last;
  generate
    if (SKIPPING) begin : pipelined
      delay_line #(.CYCLES(ENCODER_STAGES), .BITS(2 + MADE_BITS)) stages (
        .clk(clk), .reset(reset), .in({last, ends_list, encode_made}), .out({list_end_last, list_end, list_end_made})
      );
    end else begin : direct
      assign {list_end_last, list_end, list_end_made} = {last, ends_list, encode_made};
    end
  endgenerate

  always @(posedge clk) begin
    if (reset) begin
      {step, unit, there, no_more} <= 0;
      block <= BLOCK_BITS'(FIRST_LISTED);
    end else begin
      there <= there_now - taken;
      unit <= block_taken ? {UNIT_BITS{1'b0}} : unit + taken;
      if (block_taken) block <= line[K_NEXT_LISTED +: BLOCK_BITS];
      if (ends_step) step <= step + 1'b1;
      if (list_end_last) no_more <= 1'b1;
    end
  end
endmodule
`default_nettype wire
