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

  // Operands from outside: the symbols of all lanes, and vectors with their lists, in copies by the parity of the step that
  // reads them, of `step` and the step after it. A column of a list and its values are there in the cycle itself.
  input  wire [2*LISTS*LANES*COLUMN_BITS-1:0] symbols,
  input  wire [2*LISTS*COUNT_BITS-1:0] outside_counts,
  output wire [LIST_BITS-1:0] outside_list,
  output wire outside_parity,
  output wire [COUNT_BITS-1:0] outside_index,
  input  wire [COLUMN_BITS-1:0] outside_column,
  output wire [LIST_BITS-1:0] value_list,
  output wire value_parity,
  output wire [COLUMN_BITS-1:0] value_column,
  input  wire [LANES*OPERAND_BITS-1:0] outside_values,

  // What sequences begin with: the state buffer and the lists of it, written during reset.
  input  wire load_state,
  input  wire [STATE_ADDRESS_BITS-1:0] load_address,
  input  wire [LANES*OPERAND_BITS-1:0] load_values,
  input  wire load_list,
  input  wire [LIST_BITS-1:0] load_number,
  input  wire load_parity,
  input  wire [COUNT_BITS-1:0] load_index,
  input  wire [COLUMN_BITS-1:0] load_column,

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
  wire [ACTIVE_BITS-1:0] pe_active;
  wire [WORD_NUMBER_BITS-1:0] pe_release;
  wire [BANK_BITS-1:0] pe_bank;
  wire [ENTRY_BITS-1:0] pe_entry;
  wire [LANES-1:0] pe_lanes;
  wire [BANKS-1:0] bank_open;
  wire act_run;
  wire act_start;
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
    .word_issue(word_issue), .word_first(word_first), .word_number(word_number), .word_list(word_list),
    .word_parity(word_parity), .word_index(word_index), .word_base(word_base), .word_column_words(word_column_words),
    .word_source(word_source), .word_delay(word_delay), .pe_run(pe_run), .pe_first(pe_first), .pe_last(pe_last),
    .pe_active(pe_active), .pe_release(pe_release), .pe_bank(pe_bank),
    .pe_entry(pe_entry), .pe_lanes(pe_lanes), .bank_open(bank_open), .act_run(act_run),
    .act_start(act_start), .act_block(act_block), .act_step(act_step), .act_bank(act_bank),
    .act_turn(act_turn), .group_end(group_end), .act_element(act_element), .act_elements(act_elements), .encode_columns(encode_columns),
    .encode_unit(encode_unit), .encode_first(encode_first), .encode_made(encode_made), .encode_step(encode_step)
  );

  data_path data_path (
    .clk(clk), .reset(reset), .lane_steps(lane_steps), .step(step),
    .list_counts(list_counts), .encode_columns(encode_columns), .encode_unit(encode_unit), .encode_first(encode_first),
    .encode_made(encode_made), .encode_step(encode_step),
    .word_issue(word_issue), .word_first(word_first), .word_number(word_number), .word_list(word_list),
    .word_parity(word_parity), .word_index(word_index), .word_base(word_base), .word_column_words(word_column_words),
    .word_source(word_source), .word_delay(word_delay), .word_arrived(word_arrived),
    .bank_open(bank_open), .pe_run(pe_run), .pe_first(pe_first), .pe_last(pe_last), .pe_active(pe_active),
    .pe_release(pe_release), .pe_bank(pe_bank), .pe_entry(pe_entry), .pe_lanes(pe_lanes),
    .act_run(act_run), .act_start(act_start), .act_block(act_block), .act_step(act_step), .act_bank(act_bank),
    .act_turn(act_turn), .group_end(group_end), .act_elements(act_elements), .read_sums(read_sums), .results(results),
    .request(request), .request_source(request_source), .request_slot(request_slot), .request_address(request_address),
    .request_delay(request_delay), .arrived(arrived), .arrived_slot(arrived_slot), .arrived_word(arrived_word),
    .symbols(symbols), .outside_counts(outside_counts), .outside_list(outside_list), .outside_parity(outside_parity),
    .outside_index(outside_index), .outside_column(outside_column), .value_list(value_list),
    .value_parity(value_parity), .value_column(value_column), .outside_values(outside_values),
    .load_state(load_state), .load_address(load_address), .load_values(load_values), .load_list(load_list),
    .load_number(load_number), .load_parity(load_parity), .load_index(load_index), .load_column(load_column)
  );

  assign read = act_run && group_end;
  assign read_step = act_step;
  assign read_block = act_block;
  assign read_element = act_element;
  assign read_elements = act_elements;
endmodule
`default_nettype wire
