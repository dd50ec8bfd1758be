// The columns of a burst at a step: of each of its streams, and of all of them. Combinational.
`default_nettype none
module burst_columns #(
`include "parameters.svh"
) (
  input  wire [BURST_BITS-1:0] burst,
  input  wire parity,                                       // of the step
  input  wire [2*LISTS*COUNT_BITS-1:0] list_counts,
  output reg  [STREAMS*COUNT_BITS-1:0] counts,
  output reg  [COUNT_BITS-1:0] columns
);
  integer stream;
  reg [31:0] at;                                            // of a stream's list in its copy
  reg copy;
  always @* begin
    columns = 0;
    for (stream = 0; stream < STREAMS; stream = stream + 1) begin
      at = 32'(burst[B_STREAM_LIST + stream*LIST_BITS +: LIST_BITS]) * COUNT_BITS;
      copy = parity ^ burst[B_STREAM_PREVIOUS + stream];
      counts[stream*COUNT_BITS +: COUNT_BITS] =
        !burst[B_STREAM_VALID + stream] ? {COUNT_BITS{1'b0}}
        : copy ? list_counts[LISTS*COUNT_BITS + at +: COUNT_BITS] : list_counts[at +: COUNT_BITS];
      columns = columns + counts[stream*COUNT_BITS +: COUNT_BITS];
    end
  end
endmodule
`default_nettype wire
