// The skip encoder: COLUMNS columns a cycle, each zero or not over all lanes; flags for a block of units, and for each
// column that is listed its distance from the one before. Zeros that an offset cannot span are padded.
module encoder #(parameter LANES = 1, A = 8, COLUMNS = 1, FLAGS = 32, B = 11, OFFSET = 8,
                 GROUPS = (FLAGS + COLUMNS - 1) / COLUMNS, G = (GROUPS > 1) ? $clog2(GROUPS) : 1)(
  input clk, start, fresh, scan, write, more, input [G-1:0] to, from, input [B-1:0] first, last,
  input [COLUMNS*LANES*A-1:0] h, output reg [COLUMNS-1:0] put, output reg [COLUMNS*OFFSET-1:0] offset,
  output reg [B-1:0] count
);
  reg [COLUMNS-1:0] flags [0:GROUPS-1];
  reg [COLUMNS-1:0] found; integer f, z;
  always @* for (f = 0; f < COLUMNS; f = f + 1) found[f] = |h[f*LANES*A +: LANES*A];
  always @(posedge clk) if (write) flags[to] <= found | (flags[to] & {COLUMNS{more}});
  wire [COLUMNS-1:0] some = flags[from];

  reg [B-1:0] column, listed, entries, column_, listed_, entries_, count_, gap;
  always @* begin
    column_ = start ? first : column;
    listed_ = fresh ? {B{1'b1}} : listed; entries_ = fresh ? {B{1'b0}} : entries; count_ = fresh ? {B{1'b0}} : count;
    put = 0; offset = 0;
    for (z = 0; z < COLUMNS; z = z + 1) begin
      gap = column_ - listed_;
      if (scan && column_ < last && (some[z] || gap == (1 << OFFSET))) begin
        put[z] = 1'b1; offset[z*OFFSET +: OFFSET] = gap[OFFSET-1:0];
        entries_ = entries_ + 1'b1; listed_ = column_;
        if (some[z]) count_ = entries_;
      end
      column_ = column_ + 1'b1;
    end
  end
  always @(posedge clk) if (scan) begin
    column <= column_; listed <= listed_; entries <= entries_; count <= count_;
  end
endmodule
