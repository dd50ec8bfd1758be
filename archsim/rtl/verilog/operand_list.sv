// One operand list: the columns of an operand as some of the products read them, in two copies.
//
// SOURCE 0: the distinct symbols of the lanes that run, in ascending order. 1: all columns. 2: what the skip encoder
// lists, column by column: the union over lanes, with padding where the next column lies beyond REACH. 3: a list that
// comes from outside with its vector. `column` and `counts` are valid in the cycle itself; what is listed in a cycle
// is there from the next one on. Columns of a list of symbols are read one after the other from place 0 on.
//
// Mirrors padded of archsim/trace/columns.py and archsim/machine/skip_encoder.py.
`default_nettype none
module operand_list #(
  parameter SOURCE = 0,
  parameter COLUMNS = 4,          // elements of the operand
  parameter LANES = 1,
  parameter SCANNED = 1,          // columns that the encoder looks at in a cycle
  parameter SCANNED_BITS = 1,
  parameter REACH = 4,            // columns, from one on the list to the next
  parameter COUNT_BITS = 8,
  parameter COLUMN_BITS = 8
) (
  input  wire clk,
  output wire [2*COUNT_BITS-1:0] counts,                   // columns of each copy
  input  wire take,                                         // a column is read in this cycle
  input  wire parity,
  input  wire [COUNT_BITS-1:0] index,
  output wire [COLUMN_BITS-1:0] column,
  // symbols of all lanes, and the lanes that run, of either copy
  input  wire [2*LANES*COLUMN_BITS-1:0] symbols,
  input  wire [2*LANES-1:0] running,
  // the encoder: columns that are looked at in this cycle, and which of them some lane needs
  input  wire [SCANNED_BITS-1:0] scan,
  input  wire scan_first,                                   // the list begins anew
  input  wire scan_parity,
  input  wire [COLUMN_BITS-1:0] scan_column,
  input  wire [SCANNED-1:0] needed,
  // what sequences begin with: a column at each place, and after the last one a place without
  input  wire load,
  input  wire load_parity,
  input  wire [COUNT_BITS-1:0] load_index,
  input  wire [COLUMN_BITS-1:0] load_column,
  // a list from outside
  input  wire [2*COUNT_BITS-1:0] outside_counts,
  input  wire [COLUMN_BITS-1:0] outside_column
);
  generate
    if (SOURCE == 0) begin : g_symbols
      logic [COLUMN_BITS-1:0] last_symbol, own, least;
      logic [2*COUNT_BITS-1:0] found_symbols;
      logic found, distinct;
      always @* begin
        found_symbols = '0;
        for (int c = 0; c < 2; c++)
          for (int l = 0; l < LANES; l++) begin
            distinct = running[LANES*c + l];
            for (int m = 0; m < l; m++)
              if (running[LANES*c + m] && symbols[COLUMN_BITS*(LANES*c + m) +: COLUMN_BITS]
                                       == symbols[COLUMN_BITS*(LANES*c + l) +: COLUMN_BITS]) distinct = 1'b0;
            found_symbols[COUNT_BITS*c +: COUNT_BITS] = found_symbols[COUNT_BITS*c +: COUNT_BITS] + COUNT_BITS'(distinct);
          end
        least = '0;
        found = 1'b0;
        own = '0;
        for (int l = 0; l < LANES; l++) begin
          own = parity ? symbols[COLUMN_BITS*(LANES + l) +: COLUMN_BITS] : symbols[COLUMN_BITS*l +: COLUMN_BITS];
          if ((parity ? running[LANES + l] : running[l]) && (index == '0 || own > last_symbol) && (!found || own < least)) begin
            least = own;
            found = 1'b1;
          end
        end
      end
      assign counts = found_symbols;
      assign column = least;
      always_ff @(posedge clk) if (take) last_symbol <= column;
      wire unused = &{1'b0, index, scan, scan_first, scan_parity, scan_column, needed, load, load_parity, load_index,
                      load_column, outside_counts, outside_column};
    end else if (SOURCE == 1) begin : g_all
      assign counts = {2{COUNT_BITS'(COLUMNS)}};
      logic [COLUMN_BITS-1:0] own;
      always @* own = COLUMN_BITS'(index);
      assign column = own;
      wire unused = &{1'b0, clk, take, parity, index, symbols, running, scan, scan_first, scan_parity, scan_column, needed,
                      load, load_parity, load_index, load_column, outside_counts, outside_column};
    end else if (SOURCE == 2) begin : g_made
      localparam PLACE_BITS = COLUMNS > 1 ? $clog2(COLUMNS) : 1;
      logic [COLUMN_BITS-1:0] even [0:COLUMNS-1], odd [0:COLUMNS-1];
      logic [2*COUNT_BITS-1:0] kept_counts;
      logic [COLUMN_BITS:0] gap, next_gap;                  // columns since the last one on the list
      logic [COUNT_BITS-1:0] written, next_written, next_count;
      logic [SCANNED-1:0] put;
      logic [SCANNED*COUNT_BITS-1:0] places;
      always @* begin
        next_gap = scan_first ? '0 : gap;
        next_written = scan_first ? '0 : written;
        next_count = scan_first ? '0 : scan_parity ? kept_counts[COUNT_BITS +: COUNT_BITS] : kept_counts[0 +: COUNT_BITS];
        put = '0;
        places = '0;
        for (int z = 0; z < SCANNED; z++)
          if (scan > SCANNED_BITS'(z)) begin
            next_gap = next_gap + (COLUMN_BITS+1)'(1);
            if (needed[z] || (REACH <= COLUMNS && next_gap == (COLUMN_BITS+1)'(REACH))) begin
              put[z] = 1'b1;
              places[COUNT_BITS*z +: COUNT_BITS] = next_written;
              next_written = next_written + COUNT_BITS'(1);
              next_gap = '0;
              if (needed[z]) next_count = next_written;     // padding at the end is left out
            end
          end
      end
      always_ff @(posedge clk) begin
        if (load) begin                                     // the last entry says how many there are
          if (load_parity) kept_counts[COUNT_BITS +: COUNT_BITS] <= load_index;
          else kept_counts[0 +: COUNT_BITS] <= load_index;
        end else if (scan != '0) begin
          gap <= next_gap;
          written <= next_written;
          if (scan_parity) kept_counts[COUNT_BITS +: COUNT_BITS] <= next_count;
          else kept_counts[0 +: COUNT_BITS] <= next_count;
        end
        if (load && !load_parity && load_index < COUNT_BITS'(COLUMNS)) even[PLACE_BITS'(load_index)] <= load_column;
        if (load && load_parity && load_index < COUNT_BITS'(COLUMNS)) odd[PLACE_BITS'(load_index)] <= load_column;
        for (int z = 0; z < SCANNED; z++)
          if (put[z] && !load) begin
            if (scan_parity) odd[PLACE_BITS'(places[COUNT_BITS*z +: COUNT_BITS])] <= scan_column + COLUMN_BITS'(z);
            else even[PLACE_BITS'(places[COUNT_BITS*z +: COUNT_BITS])] <= scan_column + COLUMN_BITS'(z);
          end
      end
      assign counts = kept_counts;
      assign column = parity ? odd[PLACE_BITS'(index)] : even[PLACE_BITS'(index)];
      wire unused = &{1'b0, take, index, symbols, running, outside_counts, outside_column, places};
    end else begin : g_outside
      assign counts = outside_counts;
      assign column = outside_column;
      wire unused = &{1'b0, clk, take, parity, index, symbols, running, scan, scan_first, scan_parity, scan_column,
                      needed, load, load_parity, load_index, load_column};
    end
  endgenerate
endmodule
`default_nettype wire
