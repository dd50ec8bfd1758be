// A processing element: multiplies a weight by its lane's operand and adds the product to a sum in its scratch.
//
// The product of cycle t is in its sum from cycle t + STAGES on. A scratch has BANKS banks of ENTRIES sums, each with a
// valid bit, which opening the bank clears; the first product overwrites a sum that is not valid, and such a sum reads
// as 0. Port 0 of a bank serves accumulation and read-out, which never want the same bank at once.
// Sums wrap around at SUM_BITS. With MOST_SHIFT a product is shifted left before it is added, by as many places as its row
// says, so that rows whose weights have binary points of their own add up.
//
// Mirrors accumulate, open and read_out of archsim/machine/functional.py. Weights are codes of archsim/rtl/images.py.
`default_nettype none
module pe #(
  parameter KIND = 0,             // 0: two's complement, 1: binary (1 is +1, 0 is -1), 2: ternary, 3: power of two
  parameter WEIGHT_BITS = 8,
  parameter OPERAND_BITS = 8,
  parameter MOST_SHIFT = 0,       // the farthest that a product is shifted; 0: there is no shifter
  parameter SHIFT_BITS = 1,
  parameter SUM_BITS = 24,
  parameter STAGES = 1,           // pipeline stages, cycles
  parameter BANKS = 1,
  parameter BANK_BITS = 1,
  parameter ENTRIES = 4,          // sums of a bank
  parameter PLACE_BITS = 2,
  parameter READ_PORTS = 1        // sums shown in a cycle
) (
  input  wire clk,
  input  wire reset,
  input  wire [BANKS-1:0] open,                       // banks that a block takes in this cycle
  input  wire add,
  input  wire [BANK_BITS-1:0] add_bank,
  input  wire [PLACE_BITS-1:0] add_place,
  input  wire [WEIGHT_BITS-1:0] weight,
  input  wire [OPERAND_BITS-1:0] operand,             // two's complement
  input  wire [SHIFT_BITS-1:0] shift,                 // of the row
  input  wire [BANK_BITS-1:0] read_bank,
  input  wire [READ_PORTS*PLACE_BITS-1:0] read_places,
  output logic [READ_PORTS*SUM_BITS-1:0] sums
);
  // ---- product -----------------------------------------------------------------------------------------------------
  localparam WIDE = KIND == 0 ? WEIGHT_BITS + OPERAND_BITS
                  : KIND == 3 ? OPERAND_BITS + (1 << (WEIGHT_BITS - 1)) : OPERAND_BITS + 1;
  localparam PRODUCT_BITS = WIDE < SUM_BITS ? WIDE : SUM_BITS;

  wire signed [SUM_BITS+OPERAND_BITS-1:0] extended = {{SUM_BITS{operand[OPERAND_BITS-1]}}, operand};
  wire signed [PRODUCT_BITS-1:0] plus = extended[PRODUCT_BITS-1:0];
  wire signed [PRODUCT_BITS-1:0] product;
  generate
    if (KIND == 0) begin : g_fixed
      wire signed [WEIGHT_BITS+OPERAND_BITS-1:0] whole =
        $signed({{OPERAND_BITS{weight[WEIGHT_BITS-1]}}, weight}) * $signed({{WEIGHT_BITS{operand[OPERAND_BITS-1]}}, operand});
      assign product = whole[PRODUCT_BITS-1:0];
      wire unused = &{1'b0, whole, plus, extended};
    end else if (KIND == 1) begin : g_binary
      assign product = weight[0] ? plus : -plus;
      wire unused = &{1'b0, weight, extended};
    end else if (KIND == 2) begin : g_ternary
      assign product = !weight[0] ? {PRODUCT_BITS{1'b0}} : weight[WEIGHT_BITS-1] ? -plus : plus;
      wire unused = &{1'b0, weight, extended};
    end else begin : g_shift
      wire signed [PRODUCT_BITS-1:0] shifted = plus <<< weight[WEIGHT_BITS-2:0];
      assign product = weight[WEIGHT_BITS-1] ? -shifted : shifted;
      wire unused = &{1'b0, extended};
    end
  endgenerate

  // ---- the shift of the row ----------------------------------------------------------------------------------------
  localparam ALIGNED_BITS = PRODUCT_BITS + MOST_SHIFT < SUM_BITS ? PRODUCT_BITS + MOST_SHIFT : SUM_BITS;
  wire signed [ALIGNED_BITS-1:0] aligned;
  generate
    if (MOST_SHIFT == 0) begin : g_unshifted
      assign aligned = product;
      wire unused = &{1'b0, shift};
    end else begin : g_aligned
      wire signed [ALIGNED_BITS+PRODUCT_BITS-1:0] whole = {{ALIGNED_BITS{product[PRODUCT_BITS-1]}}, product};
      assign aligned = whole[ALIGNED_BITS-1:0] <<< shift;
      wire unused = &{1'b0, whole};
    end
  endgenerate

  // ---- pipeline between product and sum ----------------------------------------------------------------------------
  wire last_add;
  wire [BANK_BITS-1:0] last_bank;
  wire [PLACE_BITS-1:0] last_place;
  wire signed [ALIGNED_BITS-1:0] last_product;
  localparam PIPE_BITS = BANK_BITS + PLACE_BITS + ALIGNED_BITS;
  generate
    if (STAGES == 1) begin : g_straight
      assign {last_add, last_bank, last_place, last_product} = {add, add_bank, add_place, aligned};
    end else begin : g_pipeline
      logic [STAGES-2:0] adds;
      logic [(STAGES-1)*PIPE_BITS-1:0] pipe;
      always_ff @(posedge clk) begin
        adds <= reset ? '0 : (STAGES-1)'({adds, add});
        pipe <= ((STAGES-1)*PIPE_BITS)'({pipe, add_bank, add_place, aligned});
      end
      assign last_add = adds[STAGES-2];
      assign {last_bank, last_place, last_product} = pipe[PIPE_BITS*(STAGES-2) +: PIPE_BITS];
    end
  endgenerate

  // ---- scratch -----------------------------------------------------------------------------------------------------
  wire signed [SUM_BITS+ALIGNED_BITS-1:0] addend = {{SUM_BITS{last_product[ALIGNED_BITS-1]}}, last_product};
  wire unused_bits = &{1'b0, addend};
  wire [READ_PORTS*SUM_BITS-1:0] shown [0:BANKS-1];
  wire [READ_PORTS*SUM_BITS-1:0] added_to;                  // what the bank shows that is added to
  wire [SUM_BITS-1:0] total = added_to[SUM_BITS-1:0] + addend[SUM_BITS-1:0];
  wire unused_ports = &{1'b0, added_to};
  genvar b;
  generate
    for (b = 0; b < BANKS; b = b + 1) begin : g_bank
      logic [SUM_BITS-1:0] held [0:ENTRIES-1];
      logic [ENTRIES-1:0] valid;
      wire [ENTRIES-1:0] clean = ~valid | {ENTRIES{open[b]}};
      wire adding = last_add && (BANKS == 1 || last_bank == BANK_BITS'(b));
      wire [ENTRIES*SUM_BITS-1:0] all;
      genvar p, n;
      for (n = 0; n < ENTRIES; n = n + 1) begin : g_entry
        assign all[SUM_BITS*n +: SUM_BITS] = held[n];
      end
      always_ff @(posedge clk) begin
        if (adding) held[last_place] <= total;
        for (int i = 0; i < ENTRIES; i++)
          if (reset) valid[i] <= 1'b0;
          else valid[i] <= (adding && last_place == PLACE_BITS'(i)) || !clean[i];
      end
      for (p = 0; p < READ_PORTS; p = p + 1) begin : g_port
        wire [PLACE_BITS-1:0] place = p == 0 && adding ? last_place : read_places[PLACE_BITS*p +: PLACE_BITS];
        logic [SUM_BITS-1:0] sum;
        always @* begin
          sum = '0;
          for (int i = 0; i < ENTRIES; i++)
            sum = sum | (all[SUM_BITS*i +: SUM_BITS] & {SUM_BITS{place == PLACE_BITS'(i) && !clean[i]}});
        end
        assign shown[b][SUM_BITS*p +: SUM_BITS] = sum;
      end
    end
    if (BANKS == 1) begin : g_single
      assign sums = shown[0];
      assign added_to = shown[0];
      wire unused = &{1'b0, read_bank, last_bank};
    end else begin : g_double
      assign sums = shown[read_bank];
      assign added_to = shown[last_bank];
    end
  endgenerate
endmodule
`default_nettype wire
