// The event log: what control does, spelt as archsim/catalogue.py spells it. For simulation only.
//
// Watches the control of the machine at `CONTROL (a path in the hierarchy, set by the bench) and writes
//   E cycle component event step block column
// with -1 for what an event does not have. Events of a component are written in order. The file that includes this one
// defines CONTROL.
`define SEQUENCER `CONTROL.sequencer
`default_nettype none
module monitor #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,
  output reg  [31:0] now                                    // the cycle
);
  task automatic write(
    input [16*8-1:0] component, input [12*8-1:0] what, input integer cycle, input integer step, input integer block,
    input integer column
  );
    $display("E %0d %0s %0s %0d %0d %0d", cycle, component, what, step, block, column);
  endtask

  function automatic integer block_of(input [ENTRY_BITS-1:0] entry);
    reg [BURST_BITS-1:0] burst;
    begin
      burst = `SEQUENCER.bursts[entry];
      block_of = {{32-BLOCK_BITS{1'b0}}, burst[B_BLOCK +: BLOCK_BITS]};
    end
  endfunction
  function automatic closes(input [ENTRY_BITS-1:0] entry);
    reg [BURST_BITS-1:0] burst;
    begin
      burst = `SEQUENCER.bursts[entry];
      closes = burst[B_CLOSES];
    end
  endfunction

  always @(posedge clk) now <= reset ? 0 : now + 1;

  // ---- weight path ---------------------------------------------------------------------------------------------------
  task automatic of_path(input [12*8-1:0] what, input [ENTRY_BITS-1:0] entry, input [STEP_BITS-1:0] step);
    write("weight_stream", what, now, step, block_of(entry), -1);
  endtask
  integer i, path_column, path_step, word_cycle;
  reg path_asked;
  task automatic of_word(input [12*8-1:0] what);
    write("weight_stream", what, word_cycle, path_step, block_of(`CONTROL.weight_stream.entry), path_column);
  endtask
  always @(posedge clk) if (reset) begin
    path_column = 0;
    path_asked = 0;
  end else begin
    if (`CONTROL.path_done) of_path("end", `SEQUENCER.own_path_entry, `SEQUENCER.own_path_step);
    for (i = 0; i < ROUNDS; i = i + 1) begin
      if (`SEQUENCER.turn[i]) of_path("turn", `SEQUENCER.r_path_entry[i], `SEQUENCER.r_path_step[i]);
      if (`SEQUENCER.listed[i]) of_path("listed", `SEQUENCER.r_path_entry[i], `SEQUENCER.r_path_step[i]);
      if (`SEQUENCER.admitted[i]) of_path("admitted", `SEQUENCER.r_path_entry[i], `SEQUENCER.r_path_step[i]);
      if (`SEQUENCER.norms[i]) of_path("norms", `SEQUENCER.r_path_entry[i], `SEQUENCER.r_path_step[i]);
      if (`SEQUENCER.start[i]) of_path("start", `SEQUENCER.r_path_entry[i], `SEQUENCER.r_path_step[i]);
      if (`SEQUENCER.left[i]) of_path("end", `SEQUENCER.r_path_entry[i], `SEQUENCER.r_path_step[i]);
    end
    if (`CONTROL.path_start) begin
      path_column = 0;
      path_step = `CONTROL.path_step;
    end
    // A word that begins within a cycle is logged at the next one. Words after a column's first are logged if they wait.
    word_cycle = now + (`CONTROL.weight_stream.from != 0);
    if (`CONTROL.weight_stream.wants && !path_asked && (`CONTROL.word_first || !`CONTROL.word_issue)) begin
      of_word("wait_credit");
      path_asked = 1;
    end
    if (`CONTROL.word_issue) begin
      if (path_asked) of_word("column");
      path_asked = 0;
      if (`CONTROL.word_last) path_column = path_column + 1;
    end
  end

  // ---- PE array --------------------------------------------------------------------------------------------------------
  task automatic of_burst(
    input [12*8-1:0] what, input [ENTRY_BITS-1:0] entry, input [STEP_BITS-1:0] step, input integer column
  );
    write("pe_array", what, now, step, block_of(entry), column);
  endtask
  task automatic consumed(input [ENTRY_BITS-1:0] entry, input [STEP_BITS-1:0] step);
    begin
      of_burst("done", entry, step, -1);
      if (closes(entry)) of_burst("end", entry, step, -1);
    end
  endtask
  integer j, pe_column;
  reg pe_asked;
  always @(posedge clk) if (reset) begin
    pe_column = 0;
    pe_asked = 0;
  end else begin
    if (`SEQUENCER.done) consumed(`SEQUENCER.own_pe_entry, `SEQUENCER.step);
    for (j = 0; j < ROUNDS; j = j + 1)
      if (`SEQUENCER.pe_begin[j]) begin
        if (`SEQUENCER.pe_begin_columns[j]) begin
          if (!pe_asked) of_burst("wait_column", `SEQUENCER.r_next_entry[j], `SEQUENCER.r_next_step[j], 0);
          pe_asked = 0;
          pe_column = 0;
        end
        of_burst("start", `SEQUENCER.r_next_entry[j], `SEQUENCER.r_next_step[j], -1);
        if (`SEQUENCER.pe_begin_columns[j])
          of_burst("column", `SEQUENCER.r_next_entry[j], `SEQUENCER.r_next_step[j], 0);
        else consumed(`SEQUENCER.r_next_entry[j], `SEQUENCER.r_next_step[j]);
      end
    if (`SEQUENCER.r_next[ROUNDS] && !`SEQUENCER.r_active[ROUNDS]
        && `SEQUENCER.r_next_columns[ROUNDS] != 0 && !pe_asked) begin
      of_burst("wait_column", `SEQUENCER.r_next_entry[ROUNDS], `SEQUENCER.r_next_step[ROUNDS], 0);
      pe_asked = 1;
    end
    // Columns after the first, and cycles of a column that wait; each of the words that they wait for ends a wait.
    if (`CONTROL.pe_control.active && !`CONTROL.pe_start) begin
      if (`CONTROL.pe_run) begin
        if (`CONTROL.pe_first && !pe_asked) of_burst("wait_column", `CONTROL.pe_entry, `CONTROL.pe_step, pe_column);
        if (`CONTROL.pe_first || pe_asked) of_burst("column", `CONTROL.pe_entry, `CONTROL.pe_step, pe_column);
        pe_asked = 0;
      end else begin
        if (pe_asked && !`CONTROL.pe_first && `CONTROL.word_arrived[`CONTROL.pe_control.source]) begin
          of_burst("column", `CONTROL.pe_entry, `CONTROL.pe_step, pe_column);
          pe_asked = 0;
        end
        if (!pe_asked) of_burst("wait_column", `CONTROL.pe_entry, `CONTROL.pe_step, pe_column);
        pe_asked = 1;
      end
    end
    if (`CONTROL.pe_run && `CONTROL.pe_last) pe_column = pe_column + 1;
  end

  // ---- activation unit ---------------------------------------------------------------------------------------------------
  integer act_block, act_step;
  always @(posedge clk) if (!reset) begin
    if (`CONTROL.activation_unit.ended) write("activation_unit", "end", now, act_step, act_block, -1);
    if (`CONTROL.act_start) write("activation_unit", "activate", now, `CONTROL.act_step, `CONTROL.act_block, -1);
    act_block = `CONTROL.act_block;
    act_step = `CONTROL.act_step;
  end

  // ---- skip encoder ------------------------------------------------------------------------------------------------------
  // Blocks whose first column is there (all of them, where nothing is skipped), blocks that have been logged as begun and
  // as ended, and when those end whose columns have been taken.
  localparam KEPT = 1024;
  integer e, there_block, there_step, there_units, blocks_there, blocks_begun, blocks_taken, blocks_ended;
  integer units_left, some;
  integer kept_block [0:KEPT-1], kept_step [0:KEPT-1], kept_end [0:KEPT-1];
  reg [BLOCK_LINE_BITS-1:0] line;
  always @(posedge clk) if (reset) begin
    there_block = FIRST_LISTED;
    {there_step, there_units, blocks_there, blocks_begun, blocks_taken, blocks_ended} = 0;
  end else begin
    units_left = `CONTROL.columns_left;
    while (units_left > 0) begin
      line = `CONTROL.skip_encoder.blocks[there_block];
      if (SKIPPING ? there_units == 0 : there_units + units_left >= line[K_UNITS +: UNIT_BITS]) begin
        kept_block[blocks_there % KEPT] = there_block;
        kept_step[blocks_there % KEPT] = there_step;
        blocks_there = blocks_there + 1;
      end
      some = line[K_UNITS +: UNIT_BITS];
      some = some - there_units;
      if (units_left < some) some = units_left;
      there_units = there_units + some;
      units_left = units_left - some;
      if (there_units == line[K_UNITS +: UNIT_BITS]) begin
        there_units = 0;
        there_block = line[K_NEXT_LISTED +: BLOCK_BITS];
        there_step = there_step + line[K_LAST_LISTED];
      end
    end
    if (`CONTROL.skip_encoder.block_taken) begin
      kept_end[blocks_taken % KEPT] = now + (SKIPPING ? ENCODER_STAGES : 0);
      blocks_taken = blocks_taken + 1;
    end
    for (e = 0; e < 2; e = e + 1) begin
      if (blocks_ended < blocks_begun && blocks_ended < blocks_taken && kept_end[blocks_ended % KEPT] == now) begin
        write("skip_encoder", "end", now, kept_step[blocks_ended % KEPT], kept_block[blocks_ended % KEPT], -1);
        blocks_ended = blocks_ended + 1;
      end
      if (blocks_begun == blocks_ended && blocks_begun < blocks_there) begin
        write("skip_encoder", "encode", now, kept_step[blocks_begun % KEPT], kept_block[blocks_begun % KEPT], -1);
        blocks_begun = blocks_begun + 1;
      end
    end
  end

  // ---- input reader ------------------------------------------------------------------------------------------------------
  generate
    if (FETCHES) begin : reader
      reg turned;
      always @(posedge clk) if (reset) turned = 0; else begin
        if (`CONTROL.input_reader.some.ended) write("input_reader", "end", now, `CONTROL.input_reader.some.fetch, -1, -1);
        if (`CONTROL.input_reader.some.turn && !turned) begin
          write("input_reader", "turn", now, `CONTROL.input_reader.some.next, -1, -1);
          turned = 1;
        end
        if (`CONTROL.input_reader.some.begins) begin
          write("input_reader", "fetch", now, `CONTROL.input_reader.some.next, -1, -1);
          turned = 0;
        end
      end
    end
  endgenerate
endmodule
`default_nettype wire
