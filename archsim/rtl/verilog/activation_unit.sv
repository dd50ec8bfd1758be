// Control of the activation unit: blocks in order, group by group of elements, and when their columns are complete.
//
// Mirrors archsim/machine/activation_unit.py and archsim/mapping/read_out.py. Groups of `width` elements take `turns`
// cycles each. columns_left counts the columns whose elements of all lanes are in the state from this cycle on.
`default_nettype none
module activation_unit #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,
  input  wire [STEP_BITS-1:0] steps,
  input  wire [LANES*STEP_BITS-1:0] lane_steps,
  input  wire [BANK_COUNT_BITS-1:0] blocks_ended,           // blocks that the PEs finish in this cycle
  output wire act_ended,                                    // a block's bank is free from this cycle on (register)
  output wire [COLUMNS_LEFT_BITS-1:0] columns_left,         // of listed blocks (register)
  output wire over,                                         // all blocks of the run have left the pipeline
  output wire act_run,
  output wire act_start,
  output wire [BLOCK_BITS-1:0] act_block,
  output wire [STEP_BITS-1:0] act_step,
  output wire [BANK_BITS-1:0] act_bank,
  output wire [TURN_BITS-1:0] act_turn,
  output wire group_end,
  output wire [ELEMENT_BITS-1:0] act_element,
  output wire [WIDTH_BITS-1:0] act_elements
);
  reg [BLOCK_LINE_BITS-1:0] blocks [0:BLOCKS-1];
  initial $readmemh("blocks.hex", blocks);

  // ---- blocks whose sums have left the pipelines of the PEs -----------------------------------------------------------
  reg [BANK_COUNT_BITS-1:0] waiting;
  wire [BANK_COUNT_BITS-1:0] complete;                      // in this cycle
  generate
    if (PE_STAGES == 1) begin : direct
      assign complete = blocks_ended;
    end else begin : delayed
      delay_line #(.CYCLES(PE_STAGES - 1), .BITS(BANK_COUNT_BITS)) pe_stages (
        .clk(clk), .reset(reset), .in(blocks_ended), .out(complete)
      );
    end
  endgenerate

  // ---- the block that is activated, or the next one ---------------------------------------------------------------------
  reg running;
  reg [BLOCK_BITS-1:0] block;
  reg [STEP_BITS-1:0] step;
  reg [BANK_BITS-1:0] bank;
  reg [TURN_BITS-1:0] turn;
  reg [ELEMENT_BITS-1:0] element;
  reg ended, no_more;

  wire [BLOCK_LINE_BITS-1:0] line = blocks[block];
  wire [ELEMENT_BITS-1:0] elements_left = line[K_ELEMENTS +: ELEMENT_BITS] - element;
  wire [WIDTH_BITS-1:0] width = line[K_WIDTH +: WIDTH_BITS];
  wire last_group = elements_left <= ELEMENT_BITS'(width);

  assign act_start = !running && !no_more && (waiting != 0 || complete != 0);
  assign act_run = running || act_start;
  assign act_block = block;
  assign act_step = step;
  assign act_bank = bank;
  assign act_turn = turn;
  assign group_end = act_run && turn + 1'b1 == line[K_TURNS +: TURN_BITS];
  wire act_last = group_end && last_group;                  // of the block
  assign act_element = element;
  assign act_elements = last_group ? elements_left[WIDTH_BITS-1:0] : width;
  generate
    if (BANK_CYCLES == 0) begin : at_once
      assign act_ended = ended;                             // its last cycle was the one before
    end else begin : registered
      delay_line #(.CYCLES(BANK_CYCLES), .BITS(1)) handshake (.clk(clk), .reset(reset), .in(ended), .out(act_ended));
    end
  endgenerate

  // ---- columns that the group completes: elements are unit by unit, all lanes of one after the other -------------------
  reg [LANE_BITS-1:0] lane, lane_after;                     // of the group's first element, and of the next one's
  reg [COLUMNS_LEFT_BITS-1:0] completed;
  integer e;
  always @* begin
    lane_after = lane;
    completed = 0;
    for (e = 0; e < WIDTH; e = e + 1)
      if (e < 32'(act_elements)) begin
        if (lane_after == LANE_BITS'(LANES - 1)) completed = completed + 1'b1;
        lane_after = lane_after == LANE_BITS'(LANES - 1) ? {LANE_BITS{1'b0}} : lane_after + 1'b1;
      end
  end
  wire listed = group_end && line[K_LISTED];
  delay_line #(.CYCLES(ACTIVATION_STAGES + 1), .BITS(COLUMNS_LEFT_BITS)) pipeline (
    .clk(clk), .reset(reset), .in(listed ? completed : {COLUMNS_LEFT_BITS{1'b0}}), .out(columns_left)
  );
  delay_line #(.CYCLES(ACTIVATION_STAGES), .BITS(1)) ends (
    .clk(clk), .reset(reset), .in(no_more), .out(over)
  );

  wire [LANES-1:0] ending, unused_running;
  lane_mask #(.STEP_BITS(STEP_BITS), .LANES(LANES)) lanes (
    .lane_steps(lane_steps), .step(step), .running(unused_running), .ending(ending)
  );
  wire any_ending = |ending;
  wire ends_step = any_ending ? line[K_ENDS_STEP_LAST] : line[K_ENDS_STEP];

  always @(posedge clk) begin
    if (reset) begin
      {running, ended, no_more} <= 3'b0;
      {block, step, bank, turn, element, lane, waiting} <= 0;
    end else begin
      waiting <= waiting + complete - BANK_COUNT_BITS'(act_start);
      ended <= act_last;
      if (act_run) begin
        running <= !act_last;
        turn <= group_end ? {TURN_BITS{1'b0}} : turn + 1'b1;
        if (group_end) begin
          element <= last_group ? {ELEMENT_BITS{1'b0}} : element + ELEMENT_BITS'(act_elements);
          lane <= lane_after;
        end
        if (act_last) begin
          block <= any_ending ? line[K_NEXT_LAST +: BLOCK_BITS] : line[K_NEXT +: BLOCK_BITS];
          step <= ends_step ? step + 1'b1 : step;
          bank <= BANKS == 2 ? ~bank : bank;
          no_more <= ends_step && step + 1'b1 == steps;
        end
      end
    end
  end
endmodule
`default_nettype wire
