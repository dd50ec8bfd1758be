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
  output wire [FEED_BITS-1:0] pe_cycle,
  output wire [ACTIVE_BITS-1:0] pe_active,
  output wire [ROW_BITS-1:0] pe_rows_before,
  output wire [WORD_NUMBER_BITS-1:0] pe_released,
  output wire [WORD_NUMBER_BITS-1:0] pe_release
);
endmodule
`default_nettype wire
