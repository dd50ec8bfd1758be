// One round of the sequencer within a cycle: the PEs may begin the burst that is set up, and then the weight path may move
// its own burst on, up to its start. Without columns a burst is through at once, so that another round may follow.
//
// Combinational. Mirrors WeightStream._begin (archsim/machine/weight_stream.py) and PEArray._claim and _finish
// (archsim/machine/pe_array.py); the lines of bursts.hex are those of archsim/rtl/program.py.
`default_nettype none
module sequencer_round #(
`include "parameters.svh"
) (
  input  wire [STEP_BITS-1:0] steps,
  input  wire [LANES*STEP_BITS-1:0] lane_steps,
  input  wire [2*LISTS*COUNT_BITS-1:0] list_counts,
  input  wire [MADE*(STEP_BITS+1)-1:0] lists_known,         // steps of which each list is known
  input  wire [STEP_BITS:0] inputs_known,
  input  wire [STEP_BITS:0] channel_turns,
  input  wire words_there,                                  // the PEs could begin next_entry, which has columns

  // The burst on the weight path: where it is, cycles that it still waits, and whether the PEs began the one before.
  input  wire [2:0] path_in,
  input  wire [ENTRY_BITS-1:0] path_entry_in,
  input  wire [STEP_BITS-1:0] path_step_in,
  input  wire [WAIT_BITS-1:0] path_wait_in,
  input  wire begun_in,
  output reg  [2:0] path,
  output reg  [ENTRY_BITS-1:0] path_entry,
  output reg  [STEP_BITS-1:0] path_step,
  output reg  [WAIT_BITS-1:0] path_wait,
  output reg  begun,

  // The burst that the PEs take next, once it is set up.
  input  wire next_in,
  input  wire [ENTRY_BITS-1:0] next_entry_in,
  input  wire [STEP_BITS-1:0] next_step_in,
  input  wire [COUNT_BITS-1:0] next_columns_in,
  input  wire [WAIT_BITS-1:0] next_wait_in,
  output reg  next,
  output reg  [ENTRY_BITS-1:0] next_entry,
  output reg  [STEP_BITS-1:0] next_step,
  output reg  [COUNT_BITS-1:0] next_columns,
  output reg  [WAIT_BITS-1:0] next_wait,

  // The burst in the PEs, and the scratch banks.
  input  wire active_in,
  input  wire [ENTRY_BITS-1:0] pe_entry_in,
  input  wire [STEP_BITS-1:0] pe_step_in,
  input  wire [BANK_COUNT_BITS-1:0] banks_in,               // free ones
  input  wire [BANK_BITS-1:0] bank_in,                      // the one opened last
  output reg  active,
  output reg  [ENTRY_BITS-1:0] pe_entry,
  output reg  [STEP_BITS-1:0] pe_step,
  output reg  [BANK_COUNT_BITS-1:0] banks,
  output reg  [BANK_BITS-1:0] bank,

  // What happens in this round; strobes of the PEs are about next_*_in, those of the path about path_*_in.
  output reg  pe_begin,
  output reg  pe_begin_columns,                             // and has columns
  output reg  pe_open,                                      // and opens a block
  output reg  pe_close,                                     // and is through at once, as the last of its block
  output reg  pe_consumed,                                  // and of its step
  output reg  turn,
  output reg  listed,
  output reg  admitted,
  output reg  norms,
  output reg  start,
  output reg  left,                                         // without columns: it leaves the path as it starts
  output wire [STREAMS*COUNT_BITS-1:0] counts               // columns of each stream of the burst on the path
);
`include "path_states.svh"

  reg [BURST_BITS-1:0] bursts [0:ENTRIES-1];
  initial $readmemh("bursts.hex", bursts);
  wire [BURST_BITS-1:0] burst = bursts[path_entry_in];
  wire [BURST_BITS-1:0] following = bursts[next_entry_in];

  wire [LANES-1:0] path_ending, next_ending, unused_path, unused_next;
  lane_mask #(.STEP_BITS(STEP_BITS), .LANES(LANES)) path_lanes (
    .lane_steps(lane_steps), .step(path_step_in), .running(unused_path), .ending(path_ending)
  );
  lane_mask #(.STEP_BITS(STEP_BITS), .LANES(LANES)) next_lanes (
    .lane_steps(lane_steps), .step(next_step_in), .running(unused_next), .ending(next_ending)
  );
  wire path_ends = |path_ending, pe_ends = |next_ending;    // some lane is at its last step

  wire [COUNT_BITS-1:0] columns;
  burst_columns of_burst (
    .burst(burst), .parity(path_step_in[0]), .list_counts(list_counts), .counts(counts), .columns(columns)
  );

  // Lists that it waits for: those of this step, and those of the step before.
  reg lists_there;
  integer m;
  always @* begin
    lists_there = 1'b1;
    for (m = 0; m < MADE; m = m + 1) begin
      if (burst[B_WAITS_SAME + m] && lists_known[m*(STEP_BITS+1) +: STEP_BITS+1] <= {1'b0, path_step_in})
        lists_there = 1'b0;
      if (burst[B_WAITS_PREVIOUS + m] && lists_known[m*(STEP_BITS+1) +: STEP_BITS+1] < {1'b0, path_step_in})
        lists_there = 1'b0;
    end
  end

  wire opens_step = path_entry_in == 0;
  wire on_channel = (burst[B_STREAMED] && columns != 0) || burst[B_NORMS_STREAMED];
  wire inputs_there = !burst[B_READS_INPUTS] || inputs_known > {1'b0, path_step_in};
  wire channel_free = !on_channel || channel_turns + (STEP_BITS+1)'(opens_step) > {1'b0, path_step_in} + 1'b1;

  always @* begin
    // The PEs.
    {active, pe_entry, pe_step, banks, bank} = {active_in, pe_entry_in, pe_step_in, banks_in, bank_in};
    {next, next_entry, next_step, next_columns, next_wait} =
      {next_in, next_entry_in, next_step_in, next_columns_in, next_wait_in};
    begun = begun_in;
    pe_begin_columns = next_in && !active_in && next_columns_in != 0 && words_there
      && (!following[B_OPENS] || banks_in != 0);
    pe_begin = pe_begin_columns || (next_in && !active_in && next_columns_in == 0 && next_wait_in == 0
      && (!following[B_OPENS] || banks_in != 0));
    pe_open = pe_begin && following[B_OPENS];
    pe_close = pe_begin && !pe_begin_columns && following[B_CLOSES];
    pe_consumed = pe_begin && !pe_begin_columns && (pe_ends ? following[B_ENDS_STEP_LAST] : following[B_ENDS_STEP]);
    if (pe_begin) begin
      active = pe_begin_columns;
      pe_entry = next_entry_in;
      pe_step = next_step_in;
      next = 1'b0;
      begun = 1'b1;
    end
    if (pe_open) begin
      banks = banks_in - 1'b1;
      bank = (BANKS == 2) ? ~bank_in : {BANK_BITS{1'b0}};
    end

    // The weight path.
    {path, path_entry, path_step, path_wait} = {path_in, path_entry_in, path_step_in, path_wait_in};
    {turn, listed, admitted, norms, start, left} = 6'b0;
    if (path == TURN && begun) begin
      turn = 1'b1;
      path = LISTING;
    end
    if (path == LISTING && lists_there) begin
      listed = 1'b1;
      path = ADMISSION;
    end
    if (path == ADMISSION && inputs_there && channel_free) begin
      admitted = 1'b1;
      path = SETUP;
      path_wait = WAIT_BITS'(SETUP_CYCLES);
    end
    if (path == SETUP && path_wait == 0) begin
      path = NORMS;
      norms = burst[B_NORMS +: WAIT_BITS] != 0;
      path_wait = burst[B_NORMS +: WAIT_BITS];
    end
    if (path == NORMS && path_wait == 0) begin
      start = 1'b1;
      path = TAKEN;
      begun = 1'b0;
      {next, next_entry, next_step, next_columns} = {1'b1, path_entry_in, path_step_in, columns};
      next_wait = WAIT_BITS'(EMPTY_BURST_CYCLES);
      left = columns == 0;
    end
    if (left) begin
      path_entry = path_ends ? burst[B_NEXT_LAST +: ENTRY_BITS] : burst[B_NEXT +: ENTRY_BITS];
      path = TURN;
      if (path_ends ? burst[B_ENDS_STEP_LAST] : burst[B_ENDS_STEP]) begin
        path_step = path_step_in + 1'b1;
        if (path_step == steps) path = OVER;
      end
    end
  end
endmodule
`default_nettype wire
