// The data path: what the strobes of control (see control.sv) move, from operand lists and words through PEs and read-out to
// the state.
//
// Static tables: entries.hex (by burst), units.hex (by block), stages.hex (by stage) and distances.hex (by stage and list),
// written by archsim/rtl/tables.py. Lines are unpacked below.
//
// Mirrors archsim/machine/functional.py.
`default_nettype none
module data_path #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,
  input  wire [LANES*STEP_BITS-1:0] lane_steps,
  input  wire [STEP_BITS-1:0] step,
  // lists
  output wire [2*LISTS*COUNT_BITS-1:0] list_counts,
  input  wire [LISTED_BITS-1:0] encode_columns,
  input  wire [UNIT_BITS-1:0] encode_unit,
  input  wire encode_first,
  input  wire [MADE_BITS-1:0] encode_made,
  input  wire [STEP_BITS-1:0] encode_step,
  // words
  input  wire word_issue,
  input  wire word_first,
  input  wire [WORD_NUMBER_BITS-1:0] word_number,
  input  wire [LIST_BITS-1:0] word_list,
  input  wire word_parity,
  input  wire [COUNT_BITS-1:0] word_index,
  input  wire [ADDRESS_BITS-1:0] word_base,
  input  wire [WORD_NUMBER_BITS-1:0] word_column_words,
  input  wire word_source,
  input  wire [DELAY_BITS-1:0] word_delay,
  output wire [SOURCES-1:0] word_arrived,
  // PEs
  input  wire [BANKS-1:0] bank_open,
  input  wire pe_run,
  input  wire pe_first,
  input  wire pe_last,
  input  wire [ACTIVE_BITS-1:0] pe_active,
  input  wire [WORD_NUMBER_BITS-1:0] pe_release,
  input  wire [BANK_BITS-1:0] pe_bank,
  input  wire [ENTRY_BITS-1:0] pe_entry,
  input  wire [LANES-1:0] pe_lanes,
  // read-out
  input  wire act_run,
  input  wire act_start,
  input  wire [BLOCK_BITS-1:0] act_block,
  input  wire [STEP_BITS-1:0] act_step,
  input  wire [BANK_BITS-1:0] act_bank,
  input  wire [TURN_BITS-1:0] act_turn,
  input  wire group_end,
  input  wire [WIDTH_BITS-1:0] act_elements,
  output wire [WIDTH*UNIT_SUMS*SUM_BITS-1:0] read_sums,
  input  wire [WIDTH*RESULT_BITS-1:0] results,
  // weight memories
  output wire request,
  output wire request_source,
  output wire [SLOT_BITS-1:0] request_slot,
  output wire [ADDRESS_BITS-1:0] request_address,
  output wire [DELAY_BITS-1:0] request_delay,
  input  wire [SOURCES-1:0] arrived,
  input  wire [SOURCES*SLOT_BITS-1:0] arrived_slot,
  input  wire [SOURCES*MEMS*WORD_BITS-1:0] arrived_word,
  // operands from outside
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
  // what sequences begin with
  input  wire load_state,
  input  wire [STATE_ADDRESS_BITS-1:0] load_address,
  input  wire [LANES*OPERAND_BITS-1:0] load_values,
  input  wire load_list,
  input  wire [LIST_BITS-1:0] load_number,
  input  wire load_parity,
  input  wire [COUNT_BITS-1:0] load_index,
  input  wire [COLUMN_BITS-1:0] load_column
);
  // ---- what the encoder takes, on its way to the lists ---------------------------------------------------------------
  localparam FLAGS_BITS = PARTS * COLUMNS_PER_CYCLE * LANES;
  wire [FLAGS_BITS-1:0] flags, nonzero;                     // of the columns that the encoder takes, and at the lists
  wire [LISTED_BITS-1:0] scan_columns;
  wire [COLUMN_BITS-1:0] scan_column;
  wire scan_first;
  wire [MADE_BITS-1:0] scan_made;
  wire [STEP_BITS-1:0] scan_step;
  scan_pipeline #(
    .STAGES(ENCODER_STAGES), .BITS(LISTED_BITS + COLUMN_BITS + 1 + MADE_BITS + STEP_BITS + FLAGS_BITS)
  ) scan_pipeline (
    .clk(clk), .reset(reset),
    .taken({encode_columns, COLUMN_BITS'(encode_unit), encode_first, encode_made, encode_step, flags}),
    .entering({scan_columns, scan_column, scan_first, scan_made, scan_step, nonzero})
  );

  // ---- lanes that run, by list ---------------------------------------------------------------------------------------
  // A list whose product runs at a lane's last step alone is one of LIST_LAST; one of LIST_BACK holds what the step before
  // made. Copies are numbered by the parity of the step that made them, those from outside by the step that reads them.
  wire [STEP_BITS-1:0] after_step = step + STEP_BITS'(1);
  wire [STEP_BITS-1:0] even_step = step[0] ? after_step : step;
  wire [STEP_BITS-1:0] odd_step = step[0] ? step : after_step;
  wire [STEP_BITS-1:0] scan_after = scan_step + STEP_BITS'(1);
  wire [LANES-1:0] even_running, even_ending, odd_running, odd_ending;
  wire [LANES-1:0] scan_running, scan_ending, after_running, after_ending;
  lane_mask #(.STEP_BITS(STEP_BITS), .LANES(LANES)) even_lanes (
    .lane_steps(lane_steps), .step(even_step), .running(even_running), .ending(even_ending)
  );
  lane_mask #(.STEP_BITS(STEP_BITS), .LANES(LANES)) odd_lanes (
    .lane_steps(lane_steps), .step(odd_step), .running(odd_running), .ending(odd_ending)
  );
  lane_mask #(.STEP_BITS(STEP_BITS), .LANES(LANES)) scan_lanes (
    .lane_steps(lane_steps), .step(scan_step), .running(scan_running), .ending(scan_ending)
  );
  lane_mask #(.STEP_BITS(STEP_BITS), .LANES(LANES)) after_lanes (
    .lane_steps(lane_steps), .step(scan_after), .running(after_running), .ending(after_ending)
  );

  // ---- operand lists -------------------------------------------------------------------------------------------------
  wire [LISTS*COLUMN_BITS-1:0] listed;
  genvar n, z, j, l;
  generate
    for (n = 0; n < LISTS; n = n + 1) begin : g_list
      localparam PART = LIST_PARTS[8*n +: 8];
      wire mine = LIST_SOURCES[2*n +: 2] == 2'd2 && scan_made == LIST_MADE[MADE_BITS*n +: MADE_BITS];
      wire [LANES-1:0] readers = LIST_BACK[n] ? (LIST_LAST[n] ? after_ending : after_running)
                                              : (LIST_LAST[n] ? scan_ending : scan_running);
      wire [COLUMNS_PER_CYCLE-1:0] needed;
      for (z = 0; z < COLUMNS_PER_CYCLE; z = z + 1) begin : g_column
        assign needed[z] = |(nonzero[LANES*(COLUMNS_PER_CYCLE*PART + z) +: LANES] & readers);
      end
      operand_list #(
        .SOURCE(32'(LIST_SOURCES[2*n +: 2])), .COLUMNS(LIST_COLUMNS[32*n +: 32]), .LANES(LANES),
        .SCANNED(COLUMNS_PER_CYCLE), .SCANNED_BITS(LISTED_BITS), .REACH(REACH), .COUNT_BITS(COUNT_BITS),
        .COLUMN_BITS(COLUMN_BITS)
      ) operand_list (
        .clk(clk),
        .counts({list_counts[COUNT_BITS*(LISTS + n) +: COUNT_BITS], list_counts[COUNT_BITS*n +: COUNT_BITS]}),
        .take(word_issue && word_first && word_list == LIST_BITS'(n)), .parity(word_parity), .index(word_index),
        .column(listed[COLUMN_BITS*n +: COLUMN_BITS]),
        .symbols({symbols[LANES*COLUMN_BITS*(LISTS + n) +: LANES*COLUMN_BITS], symbols[LANES*COLUMN_BITS*n +: LANES*COLUMN_BITS]}),
        .running({LIST_LAST[n] ? odd_ending : odd_running, LIST_LAST[n] ? even_ending : even_running}),
        .scan(mine ? scan_columns : '0), .scan_first(scan_first), .scan_parity(scan_step[0]),
        .scan_column(scan_column), .needed(needed),
        .load(load_list && load_number == LIST_BITS'(n)), .load_parity(load_parity), .load_index(load_index),
        .load_column(load_column),
        .outside_counts({outside_counts[COUNT_BITS*(LISTS + n) +: COUNT_BITS], outside_counts[COUNT_BITS*n +: COUNT_BITS]}),
        .outside_column(outside_column)
      );
    end
  endgenerate
  assign {outside_list, outside_parity, outside_index} = {word_list, word_parity, word_index};

  // ---- words and the columns that they belong to -----------------------------------------------------------------------
  logic [COLUMN_BITS-1:0] taken_column;                     // of the words that take the path
  wire [COLUMN_BITS-1:0] word_column = word_first ? listed[COLUMN_BITS*word_list +: COLUMN_BITS] : taken_column;
  always_ff @(posedge clk) if (word_issue) taken_column <= word_column;
  assign request = word_issue;
  assign request_source = word_source;
  assign request_address = word_base + ADDRESS_BITS'(word_column) * ADDRESS_BITS'(word_column_words)
                         + ADDRESS_BITS'(word_number);
  assign request_delay = word_delay - DELAY_BITS'(1);       // the FIFO stores a word in the cycle before it arrives

  logic [STAGE_BITS+WEIGHT_WIDTH_BITS-1:0] entries [0:ENTRIES-1];
  initial $readmemh("entries.hex", entries);
  wire [STAGE_BITS-1:0] pe_stage;
  wire [WEIGHT_WIDTH_BITS-1:0] pe_width;
  assign {pe_stage, pe_width} = entries[pe_entry];

  wire [PES*WEIGHT_BITS-1:0] weights;
  word_fifo #(
    .MEMS(MEMS), .PES(PES), .PE_COUNT_BITS(ACTIVE_BITS), .KIND(PE_KIND), .WEIGHT_BITS(WEIGHT_BITS), .WORD_BITS(WORD_BITS),
    .WORDS(FIFO_WORDS), .SLOT_BITS(SLOT_BITS), .SOURCES(SOURCES), .SPAN(SPAN), .RELEASE_BITS(WORD_NUMBER_BITS),
    .OFFSET_BITS(OFFSET_BITS), .ALIGNED(ALIGNED), .WIDTHS(WEIGHT_WIDTHS), .WIDTH_BITS(WEIGHT_WIDTH_BITS), .WIDTH(WEIGHT_WIDTH)
  ) word_fifo (
    .clk(clk), .reset(reset), .issue(word_issue), .issue_slot(request_slot),
    .on_bus(arrived), .bus_slot(arrived_slot), .bus_word(arrived_word), .arrived(word_arrived),
    .run(pe_run), .last(pe_last), .active(pe_active), .release_words(pe_release), .width(pe_width), .weights(weights)
  );

  column_queue #(
    .COLUMNS(COLUMNS_HELD), .PLACE_BITS(COLUMN_PLACE_BITS), .LIST_BITS(LIST_BITS), .COLUMN_BITS(COLUMN_BITS)
  ) column_queue (
    .clk(clk), .reset(reset), .enter(word_issue && word_first),
    .enter_list(word_list), .enter_parity(word_parity), .enter_column(word_column), .leave(pe_run && pe_last),
    .head_list(value_list), .head_parity(value_parity), .head_column(value_column)
  );

  // ---- the operand of each lane ------------------------------------------------------------------------------------------
  wire [LANES*OPERAND_BITS-1:0] stored;
  wire [STATE_ADDRESS_BITS-1:0] stored_base =
    LIST_BASES[STATE_ADDRESS_BITS*(LISTS*32'(value_parity) + 32'(value_list)) +: STATE_ADDRESS_BITS];
  wire is_symbol = LIST_SOURCES[2*value_list +: 2] == 2'd0;
  wire [LANES*COLUMN_BITS-1:0] own_symbols =
    symbols[LANES*COLUMN_BITS*(LISTS*32'(value_parity) + 32'(value_list)) +: LANES*COLUMN_BITS];
  wire [LANES*OPERAND_BITS-1:0] operands;
  generate
    for (l = 0; l < LANES; l = l + 1) begin : g_operand
      wire lit = own_symbols[COLUMN_BITS*l +: COLUMN_BITS] == value_column;
      wire [OPERAND_BITS-1:0] value =
        LIST_STORED[value_list] ? stored[OPERAND_BITS*l +: OPERAND_BITS] : outside_values[OPERAND_BITS*l +: OPERAND_BITS];
      assign operands[OPERAND_BITS*l +: OPERAND_BITS] =
        !pe_lanes[l] ? '0 : is_symbol ? OPERAND_BITS'(lit) : value;
    end
  endgenerate

  // ---- tables of the stages that are accumulated and read -----------------------------------------------------------------
  localparam TABLE_BITS = PE_BITS + PORT_BITS + TURN_BITS;
  localparam TABLES_BITS = RANKS * UNIT_SUMS * TABLE_BITS;
  localparam STAGE_LINE_BITS = TABLES_BITS + PLACE_BITS + PE_BITS + PLACE_BITS + 1 + POSITION_BITS
                             + PES * POSITION_BITS + 1 + MADE_BITS;
  logic [STAGE_LINE_BITS-1:0] stages [0:STAGES-1];
  initial $readmemh("stages.hex", stages);
  logic [POSITIONS*PLACE_BITS+POSITION_BITS-1:0] distances [0:STAGES*LISTS-1];
  initial $readmemh("distances.hex", distances);
  localparam UNIT_LINE_BITS = STAGE_BITS + UNIT_BITS + UNIT_BITS + LANE_BITS + PE_BITS + PLACE_BITS;
  logic [UNIT_LINE_BITS-1:0] units [0:BLOCKS-1];
  initial $readmemh("units.hex", units);

  wire [PLACE_BITS-1:0] pe_stride;
  wire pe_unit_by_unit;
  wire [POSITION_BITS-1:0] pe_last_position, pe_position_step;
  wire [POSITIONS*PLACE_BITS-1:0] pe_distances;
  assign {pe_distances, pe_last_position} =
    distances[DISTANCE_BITS'(pe_stage) * DISTANCE_BITS'(LISTS) + DISTANCE_BITS'(value_list)];
  wire [PES*POSITION_BITS-1:0] pe_starts;
  wire [TABLES_BITS-1:0] pe_tables;
  wire [PE_BITS-1:0] pe_unit_pes;
  wire [PLACE_BITS-1:0] pe_unit_places;
  wire pe_has_made;
  wire [MADE_BITS-1:0] pe_made;
  assign {pe_tables, pe_stride, pe_unit_pes, pe_unit_places, pe_unit_by_unit, pe_position_step,
          pe_starts, pe_has_made, pe_made} = stages[pe_stage];
  wire unused_accumulating = &{1'b0, pe_tables, pe_unit_pes, pe_unit_places, pe_has_made, pe_made};

  wire [STAGE_BITS-1:0] act_stage;
  wire [UNIT_BITS-1:0] first_unit, group_units;
  wire [LANE_BITS-1:0] group_lanes;
  wire [PE_BITS-1:0] group_pes;
  wire [PLACE_BITS-1:0] group_places;
  assign {act_stage, first_unit, group_units, group_lanes, group_pes, group_places} = units[act_block];
  wire [PLACE_BITS-1:0] act_stride, act_unit_places;
  wire [PE_BITS-1:0] act_unit_pes;
  wire [TABLES_BITS-1:0] act_tables;
  wire act_unit_by_unit;
  wire [POSITION_BITS-1:0] act_position_step;
  wire [PES*POSITION_BITS-1:0] act_starts;
  wire act_has_made;
  wire [MADE_BITS-1:0] act_made;
  assign {act_tables, act_stride, act_unit_pes, act_unit_places, act_unit_by_unit, act_position_step,
          act_starts, act_has_made, act_made} = stages[act_stage];
  wire unused_reading = &{1'b0, act_unit_by_unit, act_position_step, act_starts, act_step};

  // ---- PEs -----------------------------------------------------------------------------------------------------------------
  wire [PES*PLACE_BITS-1:0] add_places;
  row_places #(
    .PES(PES), .POSITIONS(POSITIONS), .POSITION_BITS(POSITION_BITS), .PLACE_BITS(PLACE_BITS)
  ) row_places (
    .clk(clk), .run(pe_run), .first(pe_first), .unit_by_unit(pe_unit_by_unit), .last_position(pe_last_position),
    .step(pe_position_step), .starts(pe_starts), .stride(pe_stride),
    .distances(pe_distances), .places(add_places)
  );

  wire [PES-1:0] add;
  generate
    for (j = 0; j < PES; j = j + 1) begin : g_active
      assign add[j] = pe_run && pe_active > ACTIVE_BITS'(j);
    end
  endgenerate
  wire [PES*SHIFT_BITS-1:0] shifts;
  generate
    if (MOST_SHIFT == 0) begin : g_unshifted
      assign shifts = '0;
    end else begin : g_shifted
      row_shifts row_shifts (
        .clk(clk), .run(pe_run), .first(pe_first), .entry(pe_entry), .list(value_list), .shifts(shifts)
      );
    end
  endgenerate
  wire [LANES*PES*READ_PORTS*PLACE_BITS-1:0] shown_places;
  wire [LANES*PES*READ_PORTS*SUM_BITS-1:0] shown;
  pe_array #(
    .LANES(LANES), .PES(PES), .KIND(PE_KIND), .WEIGHT_BITS(WEIGHT_BITS), .OPERAND_BITS(OPERAND_BITS),
    .MOST_SHIFT(MOST_SHIFT), .SHIFT_BITS(SHIFT_BITS), .SUM_BITS(SUM_BITS), .STAGES(PE_STAGES), .BANKS(BANKS),
    .BANK_BITS(BANK_BITS), .ENTRIES(BANK_SUMS), .PLACE_BITS(PLACE_BITS), .READ_PORTS(READ_PORTS)
  ) pe_array (
    .clk(clk), .reset(reset), .open(bank_open), .add(add), .add_bank(pe_bank), .add_places(add_places), .weights(weights),
    .operands(operands), .shifts(shifts), .read_bank(act_bank), .read_places(shown_places), .sums(shown)
  );

  // ---- read-out ------------------------------------------------------------------------------------------------------------
  wire [UNIT_BITS-1:0] act_unit;
  wire [LANE_BITS-1:0] act_lane;
  wire [PE_BITS-1:0] act_pe, act_next_pe;
  read_places #(
    .LANES(LANES), .LANE_BITS(LANE_BITS), .PES(PES), .PE_BITS(PE_BITS), .PLACE_BITS(PLACE_BITS), .READ_PORTS(READ_PORTS),
    .TURN_BITS(TURN_BITS), .TURNS(READ_TURNS), .UNIT_BITS(UNIT_BITS)
  ) read_places (
    .clk(clk), .start(act_run && act_start), .group_end(act_run && group_end), .turn(act_turn), .first_unit(first_unit),
    .stride(act_stride), .unit_pes(act_unit_pes), .unit_places(act_unit_places), .group_units(group_units),
    .group_lanes(group_lanes), .group_pes(group_pes), .group_places(group_places),
    .unit(act_unit), .lane(act_lane), .pe(act_pe), .next_pe(act_next_pe), .places(shown_places)
  );
  read_out #(
    .LANES(LANES), .LANE_BITS(LANE_BITS), .PES(PES), .PE_BITS(PE_BITS), .SPAN(READ_SPAN), .READ_PORTS(READ_PORTS),
    .PORT_BITS(PORT_BITS), .TURN_BITS(TURN_BITS), .TURNS(READ_TURNS), .WIDTH(WIDTH), .RANKS(RANKS), .UNIT_SUMS(UNIT_SUMS),
    .SUM_BITS(SUM_BITS)
  ) read_out (
    .clk(clk), .run(act_run), .turn(act_turn), .lane(act_lane), .pe(act_pe), .next_pe(act_next_pe), .tables(act_tables),
    .shown(shown), .sums(read_sums)
  );

  // ---- results, through the pipeline of the activation unit, into the state --------------------------------------------------
  localparam PIPE_BITS = 1 + MADE_BITS + UNIT_BITS + LANE_BITS + WIDTH_BITS + WIDTH*RESULT_BITS;
  wire write_first = act_run && group_end && act_has_made;
  wire [PIPE_BITS-1:0] entering = {act_step[0], act_made, act_unit, act_lane, act_elements, results};
  wire write, write_parity;
  wire [MADE_BITS-1:0] write_made;
  wire [UNIT_BITS-1:0] write_unit;
  wire [LANE_BITS-1:0] write_lane;
  wire [WIDTH_BITS-1:0] write_count;
  wire [WIDTH*RESULT_BITS-1:0] write_results;
  result_pipeline #(.STAGES(ACTIVATION_STAGES), .BITS(PIPE_BITS)) result_pipeline (
    .clk(clk), .reset(reset), .enter(write_first), .entering(entering), .leave(write),
    .leaving({write_parity, write_made, write_unit, write_lane, write_count, write_results})
  );

  state_buffer #(
    .LANES(LANES), .LANE_BITS(LANE_BITS), .WIDTH(WIDTH), .WIDTH_BITS(WIDTH_BITS), .PARTS(PARTS), .OPERAND_BITS(OPERAND_BITS),
    .WORDS(STATE_WORDS), .ADDRESS_BITS(STATE_ADDRESS_BITS), .FLAGS(STATE_FLAGS), .SKIPPING(SKIPPING), .FLAG_BITS(FLAG_BITS),
    .UNIT_BITS(UNIT_BITS), .SCANNED(COLUMNS_PER_CYCLE), .COLUMN_BITS(COLUMN_BITS)
  ) state_buffer (
    .clk(clk), .write(write), .lane(write_lane), .unit(write_unit), .count(write_count),
    .parts(MADE_PARTS[PARTS*write_made +: PARTS]),
    .bases(MADE_BASES[PARTS*STATE_ADDRESS_BITS*(MADE*32'(write_parity) + 32'(write_made)) +: PARTS*STATE_ADDRESS_BITS]),
    .flag_bases(MADE_FLAGS[PARTS*FLAG_BITS*write_made +: PARTS*FLAG_BITS]), .results(write_results),
    .load(load_state), .load_address(load_address), .load_values(load_values),
    .read_base(stored_base), .read_column(value_column), .values(stored),
    .scan_bases(MADE_FLAGS[PARTS*FLAG_BITS*encode_made +: PARTS*FLAG_BITS]), .scan_unit(encode_unit), .nonzero(flags)
  );
endmodule
`default_nettype wire
