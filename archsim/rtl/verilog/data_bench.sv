// The data side of the test bench: weight memories, operands from outside, recorded results, and the comparison of every
// sum that is read with the one that is expected. Not for synthesis.
//
// The core is held in reset until `loaded`. All contents are images that archsim/rtl/images.py writes. With +then=FOLDER/
// those of that folder, which must have the same sizes, follow them.
`default_nettype none
module data_bench #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,                                        // of the core, in which nothing is asked for
  input  wire again,                                        // all sequences have ended, and others begin
  output reg  loaded,
  output wire [STEP_BITS-1:0] steps,
  output reg  [LANES*STEP_BITS-1:0] lane_steps,
  input  wire [STEP_BITS-1:0] step,
  // weight memories
  input  wire request,
  input  wire request_source,
  input  wire [SLOT_BITS-1:0] request_slot,
  input  wire [ADDRESS_BITS-1:0] request_address,
  input  wire [DELAY_BITS-1:0] request_delay,
  output reg  [SOURCES-1:0] arrived,
  output reg  [SOURCES*SLOT_BITS-1:0] arrived_slot,
  output reg  [SOURCES*MEMS*WORD_BITS-1:0] arrived_word,
  // operands from outside
  output wire [2*LISTS*LANES*COLUMN_BITS-1:0] symbols,
  output wire [2*LISTS*COUNT_BITS-1:0] outside_counts,
  input  wire [LIST_BITS-1:0] outside_list,
  input  wire outside_parity,
  input  wire [COUNT_BITS-1:0] outside_index,
  output wire [COLUMN_BITS-1:0] outside_column,
  input  wire [LIST_BITS-1:0] value_list,
  input  wire value_parity,
  input  wire [COLUMN_BITS-1:0] value_column,
  output wire [LANES*OPERAND_BITS-1:0] outside_values,
  // what sequences begin with
  output reg  load_state,
  output reg  [STATE_ADDRESS_BITS-1:0] load_address,
  output reg  [LANES*OPERAND_BITS-1:0] load_values,
  output reg  load_list,
  output reg  [LIST_BITS-1:0] load_number,
  output reg  load_parity,
  output reg  [COUNT_BITS-1:0] load_index,
  output reg  [COLUMN_BITS-1:0] load_column,
  // sums as they are read, and the results that they become
  input  wire read,
  input  wire [STEP_BITS-1:0] read_step,
  input  wire [BLOCK_BITS-1:0] read_block,
  input  wire [ELEMENT_BITS-1:0] read_element,
  input  wire [WIDTH_BITS-1:0] read_elements,
  input  wire [WIDTH*UNIT_SUMS*SUM_BITS-1:0] read_sums,
  output wire [WIDTH*RESULT_BITS-1:0] results,
  output reg  [31:0] sums_read,
  output reg  [31:0] sums_different
);
`include "bench.svh"
  localparam MOST_SHOWN = 8;                                // differences that are printed
  localparam SCHEDULE = 1 << DELAY_BITS;                    // cycles ahead that a word may arrive

  reg [MEMS*WORD_BITS-1:0] weights [0:MEMORY_WORDS-1];
  reg [COLUMN_BITS-1:0] symbol [0:RUN_STEPS*LISTS*LANES-1];
  reg [LANES*OPERAND_BITS-1:0] vectors [0:VECTOR_WORDS-1];
  reg [LANES*OPERAND_BITS-1:0] state [0:STATE_WORDS-1];
  reg [LIST_BITS+COUNT_BITS+COLUMN_BITS:0] loads [0:(LOADS > 0 ? LOADS : 1)-1];
  reg [31:0] list_counts [0:OUTSIDE*RUN_STEPS-1], list_first [0:OUTSIDE*RUN_STEPS-1];
  reg [COLUMN_BITS-1:0] list_columns [0:OUTSIDE_COLUMNS-1];
  reg [31:0] outside_number [0:LISTS-1], vector_first [0:OUTSIDE-1], vector_columns [0:OUTSIDE-1];
  reg [31:0] first_element [0:BLOCKS-1], unit_sums [0:BLOCKS-1];
  reg [RESULT_BITS-1:0] recorded [0:RUN_STEPS*ELEMENTS-1];
  reg [UNIT_SUMS*SUM_BITS-1:0] expected [0:RUN_STEPS*ELEMENTS-1];
  reg [STEP_BITS-1:0] lengths [0:LANES-1];
  integer i, s;
  task automatic read_images(input string folder);
    $readmemh({folder, "weights.hex"}, weights);
    $readmemh({folder, "symbols.hex"}, symbol);
    $readmemh({folder, "vectors.hex"}, vectors);
    $readmemh({folder, "state.hex"}, state);
    $readmemh({folder, "loads.hex"}, loads);
    $readmemh({folder, "outside_counts.hex"}, list_counts);
    $readmemh({folder, "outside_first.hex"}, list_first);
    $readmemh({folder, "outside_columns.hex"}, list_columns);
    $readmemh({folder, "outside_numbers.hex"}, outside_number);
    $readmemh({folder, "vector_first.hex"}, vector_first);
    $readmemh({folder, "vector_columns.hex"}, vector_columns);
    $readmemh({folder, "elements.hex"}, first_element);
    $readmemh({folder, "unit_sums.hex"}, unit_sums);
    $readmemh({folder, "results.hex"}, recorded);
    $readmemh({folder, "sums.hex"}, expected);
    $readmemh({folder, "lane_steps.hex"}, lengths);
    for (i = 0; i < LANES; i = i + 1) lane_steps[STEP_BITS*i +: STEP_BITS] = lengths[i];
  endtask
  string then_folder;
  initial begin
    read_images("");
    loaded = 0;
    {load_state, load_list} = 0;
    {sums_read, sums_different} = 0;
    arrived = 0;
  end
  assign steps = RUN_STEPS;

  // ---- what sequences begin with, an entry a cycle ---------------------------------------------------------------------
  reg [31:0] at = 0;
  always @(posedge clk) begin
    load_state <= at < STATE_WORDS;
    load_address <= at;
    load_values <= state[at < STATE_WORDS ? at : 0];
    load_list <= at < LOADS;
    {load_number, load_parity, load_index, load_column} <= loads[at < LOADS ? at : 0];
    if (again) begin
      if ($value$plusargs("then=%s", then_folder)) read_images(then_folder);
      at <= 0;
      loaded <= 0;
    end else if (at <= STATE_WORDS || at <= LOADS) at <= at + 1;
    else loaded <= 1;
  end

  // ---- weight memories: the word of a request in cycle t is on the bus in cycle t + request_delay ------------------------
  reg busy [0:SOURCES*SCHEDULE-1];
  reg [SLOT_BITS-1:0] slots [0:SOURCES*SCHEDULE-1];
  reg [ADDRESS_BITS-1:0] addresses [0:SOURCES*SCHEDULE-1];
  reg [31:0] now = 0;
  integer place;
  initial for (i = 0; i < SOURCES*SCHEDULE; i = i + 1) busy[i] = 0;
  always @(posedge clk) begin
    if (!reset && request) begin
      place = (SOURCES == 2 && request_source ? SCHEDULE : 0) + (now + request_delay) % SCHEDULE;
      if (busy[place]) $display("E two words of a memory on its bus in one cycle");
      busy[place] = 1;
      slots[place] = request_slot;
      addresses[place] = request_address;
    end
    for (s = 0; s < SOURCES; s = s + 1) begin
      place = s*SCHEDULE + (now + 1) % SCHEDULE;
      arrived[s] <= busy[place];
      arrived_slot[SLOT_BITS*s +: SLOT_BITS] <= slots[place];
      arrived_word[MEMS*WORD_BITS*s +: MEMS*WORD_BITS] <= weights[busy[place] ? addresses[place] : 0];
      busy[place] = 0;
    end
    now = now + 1;
  end

  // ---- operands from outside: copies hold those of `step` and of the step after it -----------------------------------------
  wire [31:0] even_step = {{32-STEP_BITS{1'b0}}, step} + step[0];
  wire [31:0] odd_step = {{32-STEP_BITS{1'b0}}, step} + !step[0];
  genvar gc, gn, gl;
  generate
    for (gc = 0; gc < 2; gc = gc + 1) begin : g_copy
      wire [31:0] own = gc == 0 ? even_step : odd_step;
      wire over = own >= RUN_STEPS;
      for (gn = 0; gn < LISTS; gn = gn + 1) begin : g_list
        for (gl = 0; gl < LANES; gl = gl + 1) begin : g_lane
          assign symbols[COLUMN_BITS*((gc*LISTS + gn)*LANES + gl) +: COLUMN_BITS] =
            over ? 0 : symbol[(own*LISTS + gn)*LANES + gl];
        end
        assign outside_counts[COUNT_BITS*(gc*LISTS + gn) +: COUNT_BITS] =
          over ? 0 : list_counts[outside_number[gn]*RUN_STEPS + own];
      end
    end
  endgenerate
  wire [31:0] line = outside_number[outside_list]*RUN_STEPS + (outside_parity ? odd_step : even_step);
  assign outside_column = list_columns[list_first[line] + outside_index];
  wire [31:0] vector = outside_number[value_list];
  assign outside_values =
    vectors[vector_first[vector] + (value_parity ? odd_step : even_step)*vector_columns[vector] + value_column];

  // ---- results and sums ------------------------------------------------------------------------------------------------------
  wire [31:0] first = read_step*ELEMENTS + first_element[read_block] + read_element;
  generate
    for (gl = 0; gl < WIDTH; gl = gl + 1) begin : g_result
      assign results[RESULT_BITS*gl +: RESULT_BITS] = gl < read_elements ? recorded[first + gl] : 0;
    end
  endgenerate
  reg [SUM_BITS-1:0] got, want;
  reg seen [0:RUN_STEPS*ELEMENTS-1];                        // elements whose sums have been read
  integer e, x;
  initial for (e = 0; e < RUN_STEPS*ELEMENTS; e = e + 1) seen[e] = 0;
  always @(posedge clk)
    if (again) begin
      {sums_read, sums_different} = 0;
      for (e = 0; e < RUN_STEPS*ELEMENTS; e = e + 1) seen[e] = 0;
    end else if (!reset && read)
      for (e = 0; e < read_elements; e = e + 1) begin
        if (seen[first + e] !== 0) $display("E sums of an element are read twice: %0d", first + e);
        seen[first + e] = 1;
        for (x = 0; x < unit_sums[read_block]; x = x + 1) begin
          got = read_sums[SUM_BITS*(UNIT_SUMS*e + x) +: SUM_BITS];
          want = expected[first + e] >> (SUM_BITS*x);
          sums_read = sums_read + 1;
          if (got !== want || ^want === 1'bx) begin
            sums_different = sums_different + 1;
            if (sums_different <= MOST_SHOWN)
              $display("S step %0d block %0d element %0d sum %0d: %h, not %h", read_step, read_block, read_element + e, x, got, want);
          end
        end
      end
endmodule
`default_nettype wire
