// Burst-level control: which burst the weight path and the PEs are in, and the scratch banks.
//
// Mirrors archsim/machine/sequencer.py, WeightStream._begin and PEArray._claim / _finish. Several bursts without columns
// may pass in one cycle; ROUNDS copies of sequencer_round decide one after the other.
`default_nettype none
module sequencer #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,
  input  wire [STEP_BITS-1:0] steps,
  input  wire [LANES*STEP_BITS-1:0] lane_steps,
  input  wire [2*LISTS*COUNT_BITS-1:0] list_counts,         // columns of every copy of every list, by {parity, list}
  input  wire act_ended,                                    // a block has been activated: its bank is free
  input  wire list_end,                                     // a list is known from this cycle on
  input  wire [MADE_BITS-1:0] list_end_made,                // which one
  input  wire [STEP_BITS:0] inputs_known,                   // steps whose inputs have arrived
  input  wire [STEP_BITS:0] channel_turns,                  // fetches that have left the channel
  input  wire path_done,                                    // the last word of the burst has left the path
  output wire path_start,                                   // a burst with columns begins to take the path
  output wire [ENTRY_BITS-1:0] path_entry,
  output wire [STEP_BITS-1:0] path_step,
  output wire [STREAMS*COUNT_BITS-1:0] path_counts,         // columns of each of its streams
  output wire path_over,                                    // nothing is left to issue, and the PEs are through
  output wire [1:0] first_on_channel,                       // the first burst of a step takes the channel, by parity
  output wire first_left,                                   // the first burst of a step has left the channel
  output wire [STEP_BITS-1:0] first_left_step,
  input  wire pes_idle,                                     // no column is being consumed or left
  input  wire words_there,                                  // the PEs could begin the burst next_entry
  output wire [ENTRY_BITS-1:0] next_entry,                  // the burst that the PEs take next
  output wire [COUNT_BITS-1:0] next_columns,
  output wire pe_start,                                     // they begin it in this cycle, and it has columns
  output wire [ENTRY_BITS-1:0] pe_entry,                    // that they are in, in the cycle of its start too
  output wire [STEP_BITS-1:0] pe_step,
  output reg  [STEP_BITS-1:0] step,                         // the step of the burst that the PEs have begun last (register)
  output wire [BANK_BITS-1:0] pe_bank,
  output wire [BANKS-1:0] bank_open,
  output wire [LANES-1:0] pe_lanes,                         // that run the burst's products
  output wire [BANK_COUNT_BITS-1:0] blocks_ended,           // blocks whose last column has been consumed
  output wire step_consumed
);
`include "path_states.svh"

  reg [BURST_BITS-1:0] bursts [0:ENTRIES-1];
  initial $readmemh("bursts.hex", bursts);

  // ---- registers ---------------------------------------------------------------------------------------------------
  reg [2:0] path;
  reg [WAIT_BITS-1:0] path_wait, next_wait;
  reg [ENTRY_BITS-1:0] own_path_entry, own_next_entry, own_pe_entry;
  reg [STEP_BITS-1:0] own_path_step, next_step;
  reg [COUNT_BITS-1:0] own_next_columns;
  reg begun, next, active;
  reg [BANK_COUNT_BITS-1:0] banks;
  reg [BANK_BITS-1:0] bank;
  reg [MADE*(STEP_BITS+1)-1:0] known;

  // ---- what the cycle begins with: a bank, a list, the ends of bursts with columns ----------------------------------
  reg [MADE*(STEP_BITS+1)-1:0] known_now;
  integer m;
  always @* begin
    known_now = known;
    for (m = 0; m < MADE; m = m + 1)
      if (list_end && list_end_made == m[MADE_BITS-1:0])
        known_now[m*(STEP_BITS+1) +: STEP_BITS+1] = known[m*(STEP_BITS+1) +: STEP_BITS+1] + 1'b1;
  end

  wire [BURST_BITS-1:0] leaving = bursts[own_path_entry];
  wire [LANES-1:0] pe_running, pe_ending, leaving_ending, done_ending, unused_leaving, unused_done;
  lane_mask #(.STEP_BITS(STEP_BITS), .LANES(LANES)) leaving_lanes (
    .lane_steps(lane_steps), .step(own_path_step), .running(unused_leaving), .ending(leaving_ending)
  );
  wire leaving_ends = |leaving_ending;                      // some lane is at its last step
  wire leaves_step = leaving_ends ? leaving[B_ENDS_STEP_LAST] : leaving[B_ENDS_STEP];
  wire [STEP_BITS-1:0] step_after = own_path_step + 1'b1;

  wire [BURST_BITS-1:0] first = bursts[0];

  wire done = active && pes_idle;                           // the burst in the PEs has been consumed
  wire [BURST_BITS-1:0] consumed = bursts[own_pe_entry];
  lane_mask #(.STEP_BITS(STEP_BITS), .LANES(LANES)) done_lanes (
    .lane_steps(lane_steps), .step(step), .running(unused_done), .ending(done_ending)
  );
  wire done_close = done && consumed[B_CLOSES];
  wire done_consumed = done && (|done_ending ? consumed[B_ENDS_STEP_LAST] : consumed[B_ENDS_STEP]);

  // ---- rounds --------------------------------------------------------------------------------------------------------
  wire [2:0] r_path [0:ROUNDS];
  wire [ENTRY_BITS-1:0] r_path_entry [0:ROUNDS], r_next_entry [0:ROUNDS], r_pe_entry [0:ROUNDS];
  wire [STEP_BITS-1:0] r_path_step [0:ROUNDS], r_next_step [0:ROUNDS], r_pe_step [0:ROUNDS];
  wire [WAIT_BITS-1:0] r_path_wait [0:ROUNDS], r_next_wait [0:ROUNDS];
  wire [COUNT_BITS-1:0] r_next_columns [0:ROUNDS];
  wire [BANK_COUNT_BITS-1:0] r_banks [0:ROUNDS];
  wire [BANK_BITS-1:0] r_bank [0:ROUNDS];
  wire [ROUNDS:0] r_begun, r_next, r_active;
  wire [ROUNDS-1:0] pe_begin, pe_begin_columns, pe_open, pe_close, pe_consumed;
  wire [ROUNDS-1:0] turn, listed, admitted, norms, start, left;
  wire [STREAMS*COUNT_BITS-1:0] counts [0:ROUNDS-1];

  assign r_path[0] = !path_done ? path : leaves_step && step_after == steps ? OVER : TURN;
  assign r_path_entry[0] = !path_done ? own_path_entry
    : leaving_ends ? leaving[B_NEXT_LAST +: ENTRY_BITS] : leaving[B_NEXT +: ENTRY_BITS];
  assign r_path_step[0] = path_done && leaves_step ? step_after : own_path_step;
  assign r_path_wait[0] = path_wait == 0 ? path_wait : path_wait - 1'b1;
  assign r_begun[0] = begun;
  assign r_next[0] = next;
  assign r_next_entry[0] = own_next_entry;
  assign r_next_step[0] = next_step;
  assign r_next_columns[0] = own_next_columns;
  assign r_next_wait[0] = next_wait == 0 ? next_wait : next_wait - 1'b1;
  assign r_active[0] = active && !done;
  assign r_pe_entry[0] = own_pe_entry;
  assign r_pe_step[0] = step;
  assign r_banks[0] = banks + BANK_COUNT_BITS'(act_ended);
  assign r_bank[0] = bank;

  genvar r;
  generate
    for (r = 0; r < ROUNDS; r = r + 1) begin : round
      sequencer_round of (
        .steps(steps), .lane_steps(lane_steps), .list_counts(list_counts), .lists_known(known_now),
        .inputs_known(inputs_known), .channel_turns(channel_turns), .words_there(r == 0 && words_there),
        .path_in(r_path[r]), .path_entry_in(r_path_entry[r]), .path_step_in(r_path_step[r]),
        .path_wait_in(r_path_wait[r]), .begun_in(r_begun[r]),
        .path(r_path[r+1]), .path_entry(r_path_entry[r+1]), .path_step(r_path_step[r+1]),
        .path_wait(r_path_wait[r+1]), .begun(r_begun[r+1]),
        .next_in(r_next[r]), .next_entry_in(r_next_entry[r]), .next_step_in(r_next_step[r]),
        .next_columns_in(r_next_columns[r]), .next_wait_in(r_next_wait[r]),
        .next(r_next[r+1]), .next_entry(r_next_entry[r+1]), .next_step(r_next_step[r+1]),
        .next_columns(r_next_columns[r+1]), .next_wait(r_next_wait[r+1]),
        .active_in(r_active[r]), .pe_entry_in(r_pe_entry[r]), .pe_step_in(r_pe_step[r]),
        .banks_in(r_banks[r]), .bank_in(r_bank[r]),
        .active(r_active[r+1]), .pe_entry(r_pe_entry[r+1]), .pe_step(r_pe_step[r+1]),
        .banks(r_banks[r+1]), .bank(r_bank[r+1]),
        .pe_begin(pe_begin[r]), .pe_begin_columns(pe_begin_columns[r]), .pe_open(pe_open[r]), .pe_close(pe_close[r]),
        .pe_consumed(pe_consumed[r]), .turn(turn[r]), .listed(listed[r]), .admitted(admitted[r]), .norms(norms[r]),
        .start(start[r]), .left(left[r]), .counts(counts[r])
      );
    end
  endgenerate

  wire unused = &{1'b0, turn, listed, admitted, norms, pe_begin, pe_begin_columns};  // that the event log has

  // ---- outputs -------------------------------------------------------------------------------------------------------
  // At most one burst with columns starts in a cycle, and it is the last one of the cycle to start.
  reg [ENTRY_BITS-1:0] start_entry;
  reg [STEP_BITS-1:0] start_step;
  reg [STREAMS*COUNT_BITS-1:0] start_counts;
  reg [BANKS-1:0] opened;
  reg [BANK_COUNT_BITS-1:0] ended;
  reg left_first;
  reg [STEP_BITS-1:0] left_first_step;
  integer i;
  always @* begin
    start_entry = 0;
    start_step = 0;
    start_counts = 0;
    opened = 0;
    ended = BANK_COUNT_BITS'(done_close);
    left_first = path_done && own_path_entry == 0 && (leaving[B_STREAMED] || leaving[B_NORMS_STREAMED]);
    left_first_step = own_path_step;
    for (i = 0; i < ROUNDS; i = i + 1) begin
      if (start[i] && !left[i]) begin
        start_entry = r_path_entry[i];
        start_step = r_path_step[i];
        start_counts = counts[i];
      end
      if (pe_open[i]) opened[r_bank[i+1]] = 1'b1;
      ended = ended + BANK_COUNT_BITS'(pe_close[i]);
      if (left[i] && r_path_entry[i] == 0 && first[B_NORMS_STREAMED]) begin
        left_first = 1'b1;
        left_first_step = r_path_step[i];
      end
    end
  end

  assign path_start = |(start & ~left);
  assign path_entry = start_entry;
  assign path_step = start_step;
  assign path_counts = start_counts;
  assign path_over = path == OVER && !next && !active;
  assign first_left = left_first;
  assign first_left_step = left_first_step;
  assign next_entry = own_next_entry;
  assign next_columns = own_next_columns;
  assign pe_start = pe_begin_columns[0];
  assign pe_entry = r_pe_entry[ROUNDS];
  assign pe_step = r_pe_step[ROUNDS];
  assign pe_bank = r_bank[ROUNDS];
  assign bank_open = opened;
  assign blocks_ended = ended;
  assign step_consumed = done_consumed || |pe_consumed;

  wire [BURST_BITS-1:0] running = bursts[pe_entry];
  lane_mask #(.STEP_BITS(STEP_BITS), .LANES(LANES)) lanes_of_pes (
    .lane_steps(lane_steps), .step(pe_step), .running(pe_running), .ending(pe_ending)
  );
  assign pe_lanes = running[B_LAST_ONLY] ? pe_ending : pe_running;

  // Whether the first burst of a step takes the channel, which the input reader asks ahead.
  wire [COUNT_BITS-1:0] first_columns_even, first_columns_odd;
  wire [STREAMS*COUNT_BITS-1:0] unused_even, unused_odd;
  burst_columns even (
    .burst(first), .parity(1'b0), .list_counts(list_counts), .counts(unused_even), .columns(first_columns_even)
  );
  burst_columns odd (
    .burst(first), .parity(1'b1), .list_counts(list_counts), .counts(unused_odd), .columns(first_columns_odd)
  );
  assign first_on_channel = {2{first[B_NORMS_STREAMED]}}
    | ({2{first[B_STREAMED]}} & {first_columns_odd != 0, first_columns_even != 0});

  // ---- the edge ------------------------------------------------------------------------------------------------------
  always @(posedge clk) begin
    if (reset) begin
      path <= TURN;
      {own_path_entry, own_path_step, path_wait} <= 0;
      {next, own_next_entry, next_step, own_next_columns, next_wait} <= 0;
      {active, own_pe_entry, step} <= 0;
      begun <= 1'b1;
      banks <= BANK_COUNT_BITS'(BANKS);
      bank <= {BANK_BITS{BANKS == 2}};                      // so that bank 0 is the first to open
      known <= 0;
    end else begin
      path <= r_path[ROUNDS];
      {own_path_entry, own_path_step, path_wait} <= {r_path_entry[ROUNDS], r_path_step[ROUNDS], r_path_wait[ROUNDS]};
      {next, own_next_entry, next_step} <= {r_next[ROUNDS], r_next_entry[ROUNDS], r_next_step[ROUNDS]};
      {own_next_columns, next_wait} <= {r_next_columns[ROUNDS], r_next_wait[ROUNDS]};
      {active, own_pe_entry, step} <= {r_active[ROUNDS], r_pe_entry[ROUNDS], r_pe_step[ROUNDS]};
      begun <= r_begun[ROUNDS];
      banks <= r_banks[ROUNDS];
      bank <= r_bank[ROUNDS];
      known <= known_now;
    end
  end
endmodule
`default_nettype wire
