// Control: all that decides when something happens. It sees no number of the network, only how many columns a list has.
//
// Mirrors archsim/machine/assembly.py without its numbers.
//
// Time. Control outputs are valid *during* cycle t; data modules register them at the edge that ends t. What archsim logs
// at cycle t is decided in t from registers. Within a cycle: activation END frees a bank, encoder END makes a list known,
// the PEs and the weight path proceed (sequencer), then the activation unit begins a block.
//
// Strobes from control to data, valid during cycle t:
//
//   weight_stream    word_issue: a word takes the path. With it: word_first of its column, word_number in the
//                    column (0..), word_list (list that is read), word_parity (its copy), word_index (place in the list),
//                    word_base (address of the stream in this block), word_column_words, word_source (0: SRAM, 1: DRAM),
//                    word_delay (cycles until it arrives, >= 2). Words take their room in the FIFO in the order of issue.
//                    Those of one source arrive in that order; those of two sources may overtake each other, and may
//                    arrive in the same cycle.
//   pe_control       pe_run: a cycle of a column. With it: pe_first / pe_last of the column, pe_active (PEs of each lane, from
//                    PE 0 on, that have a row in it), pe_release (words that this cycle releases: their room is free from
//                    t + 1 on), pe_bank, pe_entry (burst), pe_lanes (lanes that run the burst's products). Words
//                    that arrive in t may be used in t. Columns are consumed in the order in which they were issued.
//   sequencer        bank_open: a bit for each bank whose block opens: its entries are cleared; products of pe_run in t and
//                    later count. Several may open in a cycle if bursts have no columns.
//   activation_unit  act_run: sums are read. With it: act_start (first cycle of the block), act_block,
//                    act_step, act_bank, act_turn (cycle within the group), group_end (last cycle of a group),
//                    act_element (the group's first element in the block: unit * LANES + lane), act_elements (how many).
//                    What is read with group_end at t has passed the pipeline of ACTIVATION_STAGES registers in
//                    t + ACTIVATION_STAGES, and is in the state from the edge on that ends that cycle.
//   skip_encoder     encode_columns: columns that are listed (0: none). With it: encode_unit (the first of them in its
//                    operand), encode_first (the list begins anew with it), encode_made (list of the plan), encode_step
//                    (step that makes it). Their values are in the state at t. Count and list are visible from
//                    t + ENCODER_STAGES on.
//                    Never where SKIPPING is 0.
//
// From data to control: list_counts (columns of every copy of every list, by {parity, list}), word_arrived (by source).
//
// Lists. A list is what a product reads: an operand by an edge, for the lanes that run the product. `same_step` and
// operands from outside read copy step[0], `previous_step` copy !step[0]. Operands from outside: copies hold those of
// `step` (a register: the step of the burst that the PEs have begun last) and of the step after it.
`default_nettype none
module control #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,
  input  wire [STEP_BITS-1:0] steps,                        // of the run
  input  wire [LANES*STEP_BITS-1:0] lane_steps,             // a lane runs at steps 0 .. lane_steps - 1
  input  wire [2*LISTS*COUNT_BITS-1:0] list_counts,
  input  wire [SOURCES-1:0] word_arrived,
  output wire [STEP_BITS-1:0] step,                         // of the burst that the PEs have begun last (register)
  output wire finished,                                     // all results are there
  output wire word_issue,
  output wire word_first,
  output wire [WORD_NUMBER_BITS-1:0] word_number,
  output wire [LIST_BITS-1:0] word_list,
  output wire word_parity,
  output wire [COUNT_BITS-1:0] word_index,
  output wire [ADDRESS_BITS-1:0] word_base,
  output wire [WORD_NUMBER_BITS-1:0] word_column_words,
  output wire word_source,
  output wire [DELAY_BITS-1:0] word_delay,
  output wire pe_run,
  output wire pe_first,
  output wire pe_last,
  output wire [ACTIVE_BITS-1:0] pe_active,
  output wire [WORD_NUMBER_BITS-1:0] pe_release,
  output wire [BANK_BITS-1:0] pe_bank,
  output wire [ENTRY_BITS-1:0] pe_entry,
  output wire [LANES-1:0] pe_lanes,
  output wire [BANKS-1:0] bank_open,
  output wire act_run,
  output wire act_start,
  output wire [BLOCK_BITS-1:0] act_block,
  output wire [STEP_BITS-1:0] act_step,
  output wire [BANK_BITS-1:0] act_bank,
  output wire [TURN_BITS-1:0] act_turn,
  output wire group_end,
  output wire [ELEMENT_BITS-1:0] act_element,
  output wire [WIDTH_BITS-1:0] act_elements,
  output wire [LISTED_BITS-1:0] encode_columns,
  output wire [UNIT_BITS-1:0] encode_unit,
  output wire encode_first,
  output wire [MADE_BITS-1:0] encode_made,
  output wire [STEP_BITS-1:0] encode_step
);
  wire word_last;                                           // of its column
  wire [STEP_BITS-1:0] pe_step;
  wire path_start;
  wire path_done;
  wire path_over;
  wire [ENTRY_BITS-1:0] path_entry;
  wire [STEP_BITS-1:0] path_step;
  wire [STREAMS*COUNT_BITS-1:0] path_counts;
  wire first_left;
  wire [STEP_BITS-1:0] first_left_step;
  wire [1:0] first_on_channel;
  wire [STEP_BITS:0] inputs_known;
  wire [STEP_BITS:0] channel_turns;
  wire pes_idle;
  wire words_there;
  wire pe_start;
  wire [ENTRY_BITS-1:0] next_entry;
  wire [COUNT_BITS-1:0] next_columns;
  wire step_consumed;
  wire [BANK_COUNT_BITS-1:0] blocks_ended;
  wire act_ended;
  wire activation_over;
  wire encoder_over;
  wire [COLUMNS_LEFT_BITS-1:0] columns_left;
  wire list_end;
  wire [MADE_BITS-1:0] list_end_made;

  sequencer sequencer (
    .clk(clk), .reset(reset), .steps(steps), .lane_steps(lane_steps), .list_counts(list_counts),
    .act_ended(act_ended), .list_end(list_end), .list_end_made(list_end_made),
    .inputs_known(inputs_known), .channel_turns(channel_turns),
    .path_done(path_done), .path_start(path_start), .path_entry(path_entry), .path_step(path_step),
    .path_counts(path_counts), .path_over(path_over),
    .first_on_channel(first_on_channel), .first_left(first_left), .first_left_step(first_left_step),
    .pes_idle(pes_idle), .words_there(words_there), .next_entry(next_entry), .next_columns(next_columns),
    .pe_start(pe_start), .pe_entry(pe_entry), .pe_step(pe_step), .step(step), .pe_bank(pe_bank), .bank_open(bank_open),
    .pe_lanes(pe_lanes), .blocks_ended(blocks_ended), .step_consumed(step_consumed)
  );

  weight_stream weight_stream (
    .clk(clk), .reset(reset),
    .start(path_start), .start_entry(path_entry), .start_parity(path_step[0]), .start_counts(path_counts), .done(path_done),
    .release_words(pe_release),
    .word_issue(word_issue), .word_first(word_first), .word_last(word_last), .word_number(word_number),
    .word_list(word_list), .word_parity(word_parity), .word_index(word_index), .word_base(word_base),
    .word_column_words(word_column_words), .word_source(word_source), .word_delay(word_delay)
  );

  pe_control pe_control (
    .clk(clk), .reset(reset),
    .word_arrived(word_arrived), .next_entry(next_entry), .next_columns(next_columns), .words_there(words_there),
    .start(pe_start), .idle(pes_idle),
    .pe_run(pe_run), .pe_first(pe_first), .pe_last(pe_last), .pe_active(pe_active), .pe_release(pe_release)
  );

  activation_unit activation_unit (
    .clk(clk), .reset(reset), .steps(steps), .lane_steps(lane_steps),
    .blocks_ended(blocks_ended), .act_ended(act_ended), .columns_left(columns_left), .over(activation_over),
    .act_run(act_run), .act_start(act_start), .act_block(act_block), .act_step(act_step),
    .act_bank(act_bank), .act_turn(act_turn), .group_end(group_end), .act_element(act_element),
    .act_elements(act_elements)
  );

  skip_encoder skip_encoder (
    .clk(clk), .reset(reset), .steps(steps), .columns_left(columns_left), .over(encoder_over),
    .encode_columns(encode_columns), .encode_unit(encode_unit), .encode_first(encode_first),
    .encode_made(encode_made), .encode_step(encode_step), .list_end(list_end), .list_end_made(list_end_made)
  );

  input_reader input_reader (
    .clk(clk), .reset(reset), .steps(steps), .lane_steps(lane_steps), .step_consumed(step_consumed),
    .first_on_channel(first_on_channel), .first_left(first_left), .first_left_step(first_left_step),
    .inputs_known(inputs_known), .channel_turns(channel_turns)
  );

  wire unused = &{1'b0, path_step, word_last, pe_step};     // that the event log has
  assign finished = path_over && activation_over && encoder_over;
endmodule
`default_nettype wire
