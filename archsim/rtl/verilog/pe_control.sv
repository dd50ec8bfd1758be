// The cycles of a column in the PEs: a cycle runs once all words that it needs have arrived.
//
// Mirrors PEArray._consume in archsim/machine/pe_array.py; what a cycle needs and releases is in feeds.hex (plan.Feed).
`default_nettype none
module pe_control #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,
  input  wire [SOURCES-1:0] word_arrived,
  input  wire [ENTRY_BITS-1:0] next_entry,                  // the burst that comes next
  input  wire [COUNT_BITS-1:0] next_columns,
  output wire words_there,                                  // the words that its first cycle needs are there
  input  wire start,                                        // it begins in this cycle, with its first column
  output wire idle,                                         // no column is being consumed or left (register)
  output wire pe_run,
  output wire pe_first,
  output wire pe_last,
  output wire [ACTIVE_BITS-1:0] pe_active,
  output wire [WORD_NUMBER_BITS-1:0] pe_release
);
  reg [BURST_BITS-1:0] bursts [0:ENTRIES-1];
  reg [FEED_LINE_BITS-1:0] feeds [0:FEEDS-1];
  initial $readmemh("bursts.hex", bursts);
  initial $readmemh("feeds.hex", feeds);

  reg active;
  reg [ENTRY_BITS-1:0] own_entry;
  reg [COUNT_BITS-1:0] columns_left;                        // beside the one that is being consumed
  reg [FEED_BITS-1:0] own_cycle;
  reg [SOURCES*CREDIT_BITS-1:0] there;                      // words of each source in the FIFO

  // ---- words that are there in this cycle, those that arrive in it included ------------------------------------------
  reg [SOURCES*CREDIT_BITS-1:0] there_now;
  integer s;
  always @*
    for (s = 0; s < SOURCES; s = s + 1)
      there_now[s*CREDIT_BITS +: CREDIT_BITS] =
        there[s*CREDIT_BITS +: CREDIT_BITS] + CREDIT_BITS'(word_arrived[s]);

  // ---- the burst that comes next ---------------------------------------------------------------------------------------
  wire [BURST_BITS-1:0] following = bursts[next_entry];
  wire [FEED_LINE_BITS-1:0] first_feed = feeds[following[B_FEED +: FEED_ADDRESS_BITS]];
  wire unused = &{1'b0, following, first_feed};             // of which only some fields are used
  wire following_source = SOURCES == 2 && following[B_SOURCE];
  assign words_there = there_now[following_source*CREDIT_BITS +: CREDIT_BITS]
    >= CREDIT_BITS'(first_feed[F_NEEDED +: WORD_NUMBER_BITS]);

  // ---- the column in the PEs ---------------------------------------------------------------------------------------------
  wire [BURST_BITS-1:0] burst = start ? following : bursts[own_entry];
  wire [FEED_BITS-1:0] column_cycle = start ? {FEED_BITS{1'b0}} : own_cycle;
  wire [FEED_LINE_BITS-1:0] feed = feeds[burst[B_FEED +: FEED_ADDRESS_BITS] + FEED_ADDRESS_BITS'(column_cycle)];
  wire source = SOURCES == 2 && burst[B_SOURCE];
  wire [CREDIT_BITS-1:0] column_there = there_now[source*CREDIT_BITS +: CREDIT_BITS]
    + CREDIT_BITS'(feed[F_RELEASED +: WORD_NUMBER_BITS]);
  wire enough = column_there >= CREDIT_BITS'(feed[F_NEEDED +: WORD_NUMBER_BITS]);
  wire [COUNT_BITS-1:0] left = start ? next_columns - 1'b1 : columns_left;

  assign idle = !active;
  assign pe_run = start || (active && enough);
  assign pe_first = column_cycle == 0;
  assign pe_last = feed[F_LAST];
  assign pe_active = feed[F_ACTIVE +: ACTIVE_BITS];
  assign pe_release = pe_run ? feed[F_RELEASE +: WORD_NUMBER_BITS] : {WORD_NUMBER_BITS{1'b0}};

  always @(posedge clk) begin
    if (reset) begin
      active <= 1'b0;
      {own_entry, columns_left, own_cycle} <= 0;
      there <= 0;
    end else begin
      there <= there_now;
      if (start) begin
        active <= 1'b1;
        own_entry <= next_entry;
        columns_left <= next_columns - 1'b1;
      end
      if (pe_run) begin
        there[source*CREDIT_BITS +: CREDIT_BITS] <= there_now[source*CREDIT_BITS +: CREDIT_BITS]
          - CREDIT_BITS'(pe_release);
        own_cycle <= pe_last ? {FEED_BITS{1'b0}} : column_cycle + 1'b1;
        if (pe_last) begin
          active <= left != 0;
          columns_left <= left - 1'b1;
        end
      end
    end
  end
endmodule
`default_nettype wire
