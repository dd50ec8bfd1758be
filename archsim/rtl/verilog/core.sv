// The whole machine without its weight memories: control, data path, and the wires between them.
//
// Mirrors archsim/machine/assembly.py. Sizes come from the generated parameters.svh, the static order of a step from
// bursts.hex, blocks.hex and feeds.hex (archsim/rtl/program.py). What control tells the data path, and when, is in
// control.sv.
`default_nettype none
module core #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,
  input  wire [STEP_BITS-1:0] steps,                        // of the run
  input  wire [LANES*STEP_BITS-1:0] lane_steps,             // a lane runs at steps 0 .. lane_steps - 1
  output wire [STEP_BITS-1:0] step,                         // of the burst that the PEs have begun last (register)
  output wire finished,                                     // all results are there

  // Weight memories: a word of each is asked for, and is there `request_delay` cycles later.
  output wire request,
  output wire request_source,
  output wire [SLOT_BITS-1:0] request_slot,                 // its room in the FIFO, handed back with the word
  output wire [ADDRESS_BITS-1:0] request_address,
  output wire [DELAY_BITS-1:0] request_delay,
  input  wire [SOURCES-1:0] arrived,
  input  wire [SOURCES*SLOT_BITS-1:0] arrived_slot,
  input  wire [SOURCES*MEMS*WORD_BITS-1:0] arrived_word,

  // Operands from outside.
  input  wire [OUTSIDE_BITS-1:0] outside,

  // Sums as they are read, and results as they enter the pipeline.
  output wire read,
  output wire [STEP_BITS-1:0] read_step,
  output wire [BLOCK_BITS-1:0] read_block,
  output wire [ELEMENT_BITS-1:0] read_element,
  output wire [WIDTH_BITS-1:0] read_elements,
  output wire [WIDTH*UNIT_SUMS*SUM_BITS-1:0] read_sums,
  input  wire [WIDTH*RESULT_BITS-1:0] results
);
  wire [2*LISTS*COUNT_BITS-1:0] list_counts;
  wire [SOURCES-1:0] word_arrived;
  wire word_issue;
  wire word_first;
  wire word_last;
  wire [WORD_NUMBER_BITS-1:0] word_number;
  wire [LIST_BITS-1:0] word_list;
  wire word_parity;
  wire [COUNT_BITS-1:0] word_index;
  wire [ADDRESS_BITS-1:0] word_base;
  wire [WORD_NUMBER_BITS-1:0] word_column_words;
  wire word_source;
  wire [DELAY_BITS-1:0] word_delay;
  wire pe_run;
  wire pe_first;
  wire pe_last;
  wire [FEED_BITS-1:0] pe_cycle;
  wire [ACTIVE_BITS-1:0] pe_active;
  wire [ROW_BITS-1:0] pe_rows_before;
  wire [WORD_NUMBER_BITS-1:0] pe_released;
  wire [WORD_NUMBER_BITS-1:0] pe_release;
  wire [BANK_BITS-1:0] pe_bank;
  wire [ENTRY_BITS-1:0] pe_entry;
  wire [STEP_BITS-1:0] pe_step;
  wire [LANES-1:0] pe_lanes;
  wire [BANKS-1:0] bank_open;
  wire act_run;
  wire act_start;
  wire act_last;
  wire [BLOCK_BITS-1:0] act_block;
  wire [STEP_BITS-1:0] act_step;
  wire [BANK_BITS-1:0] act_bank;
  wire [TURN_BITS-1:0] act_turn;
  wire group_end;
  wire [ELEMENT_BITS-1:0] act_element;
  wire [WIDTH_BITS-1:0] act_elements;
  wire [LISTED_BITS-1:0] encode_columns;
  wire [UNIT_BITS-1:0] encode_unit;
  wire encode_first;
  wire [MADE_BITS-1:0] encode_made;
  wire [STEP_BITS-1:0] encode_step;

  control control (
    .clk(clk), .reset(reset), .steps(steps), .lane_steps(lane_steps), .list_counts(list_counts),
    .word_arrived(word_arrived), .step(step), .finished(finished),
    .word_issue(word_issue), .word_first(word_first), .word_last(word_last), .word_number(word_number), .word_list(word_list),
    .word_parity(word_parity), .word_index(word_index), .word_base(word_base), .word_column_words(word_column_words), .word_source(word_source),
    .word_delay(word_delay), .pe_run(pe_run), .pe_first(pe_first), .pe_last(pe_last), .pe_cycle(pe_cycle),
    .pe_active(pe_active), .pe_rows_before(pe_rows_before), .pe_released(pe_released), .pe_release(pe_release), .pe_bank(pe_bank),
    .pe_entry(pe_entry), .pe_step(pe_step), .pe_lanes(pe_lanes), .bank_open(bank_open), .act_run(act_run),
    .act_start(act_start), .act_last(act_last), .act_block(act_block), .act_step(act_step), .act_bank(act_bank),
    .act_turn(act_turn), .group_end(group_end), .act_element(act_element), .act_elements(act_elements), .encode_columns(encode_columns),
    .encode_unit(encode_unit), .encode_first(encode_first), .encode_made(encode_made), .encode_step(encode_step)
  );

  // ---- data: operand lists and state -------------------------------------------------------------------------------
  wire word_padding;                                        // the column on the list is padding
  wire [UNIT_BITS-1:0] word_column;                         // otherwise its number in the operand

  operand_lists operand_lists (
    .clk(clk), .reset(reset), .lane_steps(lane_steps), .step(step), .outside(outside),
    .encode_columns(encode_columns), .encode_unit(encode_unit), .encode_first(encode_first),
    .encode_made(encode_made), .encode_step(encode_step), .encode_values(encode_values),
    .read_list(word_list), .read_parity(word_parity), .read_index(word_index),
    .column(word_column), .padding(word_padding), .counts(list_counts)
  );

  wire [COLUMNS_PER_CYCLE*LANES-1:0] encode_values;         // of the columns listed: non-zero, by lane

  // ---- data: words, columns, PEs, read-out --------------------------------------------------------------------------
  // word_fifo, column_queue, pe_array, state_buffer and read_out come here.
endmodule
`default_nettype wire
