// What each column on its way to the PEs is a column of: a queue beside the FIFO of words.
//
// A column enters with its first word and leaves with its last PE cycle; `head_*` are those of the
// oldest one.
//
// Mirrors Token of archsim/machine/functional.py.
`default_nettype none
module column_queue #(
  parameter COLUMNS = 4,          // the most columns under way
  parameter PLACE_BITS = 2,       // of a column in the queue
  parameter LIST_BITS = 1,
  parameter COLUMN_BITS = 8
) (
  input  wire clk,
  input  wire reset,
  input  wire enter,
  input  wire [LIST_BITS-1:0] enter_list,
  input  wire enter_parity,
  input  wire [COLUMN_BITS-1:0] enter_column,
  input  wire leave,
  output wire [LIST_BITS-1:0] head_list,
  output wire head_parity,
  output wire [COLUMN_BITS-1:0] head_column
);
  logic [LIST_BITS+COLUMN_BITS:0] held [0:COLUMNS-1];
  logic [PLACE_BITS-1:0] head, tail;
  always_ff @(posedge clk)
    if (reset) begin
      head <= '0;
      tail <= '0;
    end else begin
      if (enter) tail <= tail == PLACE_BITS'(COLUMNS - 1) ? '0 : tail + PLACE_BITS'(1);
      if (leave) head <= head == PLACE_BITS'(COLUMNS - 1) ? '0 : head + PLACE_BITS'(1);
    end
  always_ff @(posedge clk) if (enter) held[tail] <= {enter_list, enter_parity, enter_column};
  assign {head_list, head_parity, head_column} = held[head];
endmodule
`default_nettype wire
