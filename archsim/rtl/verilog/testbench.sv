// The test bench of the whole machine: its data side, the event log, and the end.
//
// Prints the event log (monitor.sv); F, the cycles, and how many sums were read and how many of them differ; or S where the
// machine has not finished within RUN_LIMIT cycles. Results are recorded ones, unless INTEGER_CELLS is defined: integer cells
// then compute them, and R is printed for each, with step, block and element. With +then=FOLDER/ the machine is then reset,
// and runs over the images of another folder: sequences begin in the lanes in which others have ended.
`ifndef NETLIST                                             // where the names of control are lost
`define CONTROL testbench.core.control
`include "monitor.sv"
`endif
`default_nettype none
module testbench #(
`include "parameters.svh"
`ifdef INTEGER_CELLS
,
`include "integer_cell_parameters.svh"
`endif
);
`include "run.svh"
  reg clk = 0;
  always #1 clk = !clk;
  wire loaded, cells_loaded;
  wire reset = !loaded || !cells_loaded;
  reg again = 0;

  wire [STEP_BITS-1:0] steps, step;
  wire [LANES*STEP_BITS-1:0] lane_steps;
  wire finished;
  wire request, request_source;
  wire [SLOT_BITS-1:0] request_slot;
  wire [ADDRESS_BITS-1:0] request_address;
  wire [DELAY_BITS-1:0] request_delay;
  wire [SOURCES-1:0] arrived;
  wire [SOURCES*SLOT_BITS-1:0] arrived_slot;
  wire [SOURCES*MEMS*WORD_BITS-1:0] arrived_word;
  wire [2*LISTS*LANES*COLUMN_BITS-1:0] symbols;
  wire [2*LISTS*COUNT_BITS-1:0] outside_counts;
  wire [LIST_BITS-1:0] outside_list, value_list, load_number;
  wire outside_parity, value_parity, load_state, load_list, load_parity;
  wire [COUNT_BITS-1:0] outside_index, load_index;
  wire [COLUMN_BITS-1:0] outside_column, value_column, load_column;
  wire [LANES*OPERAND_BITS-1:0] outside_values, load_values;
  wire [STATE_ADDRESS_BITS-1:0] load_address;
  wire read;
  wire [STEP_BITS-1:0] read_step;
  wire [BLOCK_BITS-1:0] read_block;
  wire [ELEMENT_BITS-1:0] read_element;
  wire [WIDTH_BITS-1:0] read_elements;
  wire [WIDTH*UNIT_SUMS*SUM_BITS-1:0] read_sums;
  wire [WIDTH*RESULT_BITS-1:0] results, recorded;
  wire [31:0] sums_read, sums_different;

  core core (
    .clk(clk), .reset(reset), .steps(steps), .lane_steps(lane_steps), .step(step), .finished(finished),
    .request(request), .request_source(request_source), .request_slot(request_slot), .request_address(request_address),
    .request_delay(request_delay), .arrived(arrived), .arrived_slot(arrived_slot), .arrived_word(arrived_word),
    .symbols(symbols), .outside_counts(outside_counts), .outside_list(outside_list), .outside_parity(outside_parity),
    .outside_index(outside_index), .outside_column(outside_column), .value_list(value_list),
    .value_parity(value_parity), .value_column(value_column), .outside_values(outside_values),
    .load_state(load_state), .load_address(load_address), .load_values(load_values), .load_list(load_list),
    .load_number(load_number), .load_parity(load_parity), .load_index(load_index), .load_column(load_column),
    .read(read), .read_step(read_step), .read_block(read_block), .read_element(read_element),
    .read_elements(read_elements), .read_sums(read_sums), .results(results)
  );
  data_bench data_bench (
    .clk(clk), .reset(reset), .again(again), .loaded(loaded), .steps(steps), .lane_steps(lane_steps), .step(step),
    .request(request), .request_source(request_source), .request_slot(request_slot), .request_address(request_address),
    .request_delay(request_delay), .arrived(arrived), .arrived_slot(arrived_slot), .arrived_word(arrived_word),
    .symbols(symbols), .outside_counts(outside_counts), .outside_list(outside_list), .outside_parity(outside_parity),
    .outside_index(outside_index), .outside_column(outside_column), .value_list(value_list),
    .value_parity(value_parity), .value_column(value_column), .outside_values(outside_values),
    .load_state(load_state), .load_address(load_address), .load_values(load_values), .load_list(load_list),
    .load_number(load_number), .load_parity(load_parity), .load_index(load_index), .load_column(load_column),
    .read(read), .read_step(read_step), .read_block(read_block), .read_element(read_element),
    .read_elements(read_elements), .read_sums(read_sums), .results(recorded),
    .sums_read(sums_read), .sums_different(sums_different)
  );

`ifdef INTEGER_CELLS
  integer_cells integer_cells (
    .clk(clk), .read(read && !reset), .block(read_block), .element(read_element), .elements(read_elements),
    .sums(read_sums), .results(results), .load(load_cell), .load_address(load_cell_address), .load_word(load_cell_word)
  );
  reg [INTEGER_CELLS_WORD_BITS-1:0] kept [0:INTEGER_CELLS_WORDS-1];  // what sequences begin with, a word a cycle
  reg load_cell;
  reg [INTEGER_CELLS_KEPT_BITS-1:0] load_cell_address;
  reg [INTEGER_CELLS_WORD_BITS-1:0] load_cell_word;
  reg [31:0] at = 0;
  string then_cells;
  initial $readmemh("integer_cells_kept.hex", kept);
  assign cells_loaded = at > INTEGER_CELLS_WORDS;
  always @(posedge clk) begin
    load_cell <= at < INTEGER_CELLS_WORDS;
    load_cell_address <= at;
    load_cell_word <= kept[at < INTEGER_CELLS_WORDS ? at : 0];
    if (again) begin
      if ($value$plusargs("then=%s", then_cells)) $readmemh({then_cells, "integer_cells_kept.hex"}, kept);
      at <= 0;
    end else if (!cells_loaded) at <= at + 1;
  end
  integer e;
  always @(posedge clk) if (!reset && read)
    for (e = 0; e < read_elements; e = e + 1)
      $display("R %0d %0d %0d %h", read_step, read_block, read_element + e, results[RESULT_BITS*e +: RESULT_BITS]);
`else
  assign results = recorded;
  assign cells_loaded = 1;
`endif

`ifdef NETLIST
  reg [31:0] now = 0;
  always @(posedge clk) if (!reset) now <= now + 1;
`else
  wire [31:0] now;
  monitor monitor (.clk(clk), .reset(reset), .now(now));
`endif

  reg [31:0] last;
  reg only = 1;                                             // these sequences are the last
  string then_run;
  initial only = !$value$plusargs("then=%s", then_run);
  always @(posedge clk) if (again) again <= 0;
  else if (!reset) begin
    if (finished) begin
      last = now;
      #1 $display("F %0d sums %0d different %0d", last, sums_read, sums_different);  // once all of this cycle is logged
      if (only) $finish;
      {again, only} <= 2'b11;
    end
    if (now == RUN_LIMIT) begin
      $display("S %0d", now);
      $finish;
    end
  end
endmodule
`default_nettype wire
