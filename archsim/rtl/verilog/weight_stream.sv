// Words on the weight path: their pace, credits for their room in the FIFO, and what is asked of the memories.
//
// Mirrors WeightStream._send in archsim/machine/weight_stream.py. At most one word begins in a cycle. `offset` is the part
// of the cycle after which the path is free; a word that finds no credit tries again at the beginning of the next cycle.
`default_nettype none
module weight_stream #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,
  input  wire start,                                        // a burst with columns begins in this cycle
  input  wire [ENTRY_BITS-1:0] start_entry,
  input  wire start_parity,                                 // of its step
  input  wire [STREAMS*COUNT_BITS-1:0] start_counts,
  output wire done,                                         // its last word has left the path before this cycle
  input  wire [WORD_NUMBER_BITS-1:0] release_words,         // words whose room is free from the next cycle on
  output wire word_issue,
  output wire word_first,
  output wire word_last,
  output wire [WORD_NUMBER_BITS-1:0] word_number,
  output wire [LIST_BITS-1:0] word_list,
  output wire word_parity,
  output wire [COUNT_BITS-1:0] word_index,
  output wire [ADDRESS_BITS-1:0] word_base,
  output wire [WORD_NUMBER_BITS-1:0] word_column_words,
  output wire word_source,
  output wire [DELAY_BITS-1:0] word_delay
);
  reg [BURST_BITS-1:0] bursts [0:ENTRIES-1];
  initial $readmemh("bursts.hex", bursts);

  // ---- registers: the burst, the place in it, and when the path is free --------------------------------------------
  reg taking;                                               // words of the burst are left
  reg leaving;                                              // none is, but the last one is still on the path
  reg [ENTRY_BITS-1:0] own_entry;
  reg own_parity;
  reg [STREAMS*COUNT_BITS-1:0] own_counts;
  reg [STREAM_BITS-1:0] own_stream;
  reg [COUNT_BITS-1:0] own_index;
  reg [WORD_NUMBER_BITS-1:0] own_word;
  reg [WAIT_BITS-1:0] path_wait;                            // whole cycles until the path is free
  reg [PART_BITS-1:0] offset;                               // and parts of a cycle
  reg [CREDIT_BITS-1:0] credits;                            // words that have room

  // ---- the word that is to take the path ----------------------------------------------------------------------------
  wire [ENTRY_BITS-1:0] entry = start ? start_entry : own_entry;
  wire parity = start ? start_parity : own_parity;
  wire [STREAMS*COUNT_BITS-1:0] counts = start ? start_counts : own_counts;
  wire [BURST_BITS-1:0] burst = bursts[entry];

  // The first stream from `own_stream` on that has columns; at the start, the first of all.
  reg [STREAM_BITS-1:0] stream, stream_after;
  reg more;                                                 // a later stream has columns
  integer s;
  always @* begin
    stream = start ? {STREAM_BITS{1'b0}} : own_stream;
    if (start)
      for (s = STREAMS - 1; s >= 0; s = s - 1)
        if (counts[s*COUNT_BITS +: COUNT_BITS] != 0) stream = s[STREAM_BITS-1:0];
    stream_after = stream;
    more = 1'b0;
    for (s = STREAMS - 1; s >= 0; s = s - 1)
      if (s > 32'(stream) && counts[s*COUNT_BITS +: COUNT_BITS] != 0) begin
        stream_after = s[STREAM_BITS-1:0];
        more = 1'b1;
      end
  end

  wire [COUNT_BITS-1:0] index = start ? {COUNT_BITS{1'b0}} : own_index;
  wire [WORD_NUMBER_BITS-1:0] word = start ? {WORD_NUMBER_BITS{1'b0}} : own_word;
  wire [WORD_NUMBER_BITS-1:0] words = burst[B_WORDS +: WORD_NUMBER_BITS];
  wire last_column = index + 1'b1 == counts[32'(stream)*COUNT_BITS +: COUNT_BITS];
  wire wants = start || (taking && path_wait == 0);         // the path is free, after `offset` parts of the cycle

  assign word_issue = wants && credits != 0;
  assign word_first = word == 0;
  assign word_last = word + 1'b1 == words;
  assign word_number = word;
  assign word_list = burst[B_STREAM_LIST + 32'(stream)*LIST_BITS +: LIST_BITS];
  assign word_parity = parity ^ burst[B_STREAM_PREVIOUS + 32'(stream)];
  assign word_index = index;
  assign word_base = burst[B_STREAM_BASE + 32'(stream)*ADDRESS_BITS +: ADDRESS_BITS];
  assign word_column_words = words;
  assign word_source = burst[B_SOURCE];

  // ---- the pace: a word takes `whole` cycles and `part` of `parts` parts of another ----------------------------------
  wire [PART_BITS-1:0] from = start ? {PART_BITS{1'b0}} : offset;
  wire [PART_BITS:0] sum = {1'b0, from} + {1'b0, burst[B_PACE_PART +: PART_BITS]};
  wire carry = sum >= {1'b0, burst[B_PACE_PARTS +: PART_BITS]};
  wire [PART_BITS:0] rest = carry ? sum - {1'b0, burst[B_PACE_PARTS +: PART_BITS]} : sum;
  wire [WAIT_BITS-1:0] whole = burst[B_PACE_WHOLE +: WAIT_BITS] + WAIT_BITS'(carry);
  wire [WAIT_BITS-1:0] until_left = whole + WAIT_BITS'(rest != 0);
  assign word_delay = DELAY_BITS'(until_left) + burst[B_LATENCY +: DELAY_BITS];

  assign done = leaving && path_wait == 0;

  wire burst_ends = word_issue && word_last && last_column && !more;

  always @(posedge clk) begin
    if (reset) begin
      {taking, leaving} <= 2'b0;
      {own_entry, own_parity, own_counts, own_stream, own_index, own_word} <= 0;
      path_wait <= 0;
      offset <= 0;
      credits <= CREDIT_BITS'(FIFO_WORDS);
    end else begin
      credits <= credits - CREDIT_BITS'(word_issue) + CREDIT_BITS'(release_words);
      if (start) {own_entry, own_parity, own_counts} <= {start_entry, start_parity, start_counts};
      if (start || taking) {own_stream, own_index, own_word} <= {stream, index, word};
      if (path_wait != 0) path_wait <= path_wait - 1'b1;
      if (wants) offset <= 0;                               // without a credit: again, at the next cycle's beginning
      if (start) taking <= 1'b1;
      if (done) leaving <= 1'b0;
      if (word_issue) begin
        path_wait <= (burst_ends ? until_left : whole) - 1'b1;
        offset <= rest[PART_BITS-1:0];
        own_word <= word_last ? {WORD_NUMBER_BITS{1'b0}} : word + 1'b1;
        if (word_last) own_index <= last_column ? {COUNT_BITS{1'b0}} : index + 1'b1;
        if (word_last && last_column) own_stream <= stream_after;
        if (burst_ends) begin
          taking <= 1'b0;
          leaving <= 1'b1;
        end
      end
    end
  end
endmodule
`default_nettype wire
