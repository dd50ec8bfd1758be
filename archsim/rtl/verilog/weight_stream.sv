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
  input  wire [STEP_BITS-1:0] start_step,
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
endmodule
`default_nettype wire
