// The FIFO of words between the weight path and the PEs, and the weights of a PE cycle out of it.
//
// Each of MEMS memories serves PES / MEMS PEs of every lane; their words stand side by side and move together. Room is
// taken in the order in which words are issued, and words of another source may arrive earlier, so that a word comes
// back with its slot. A word that is on the bus in cycle t is stored at its end and arrives in t + 1. The rows of a PE
// cycle may begin in the middle of a word and span several.
//
// Mirrors WordFifo of archsim/machine/ports.py; which rows a cycle takes is in Feed of archsim/mapping/plan.py.
`default_nettype none
module word_fifo #(
  parameter MEMS = 1,
  parameter PES = 4,              // PEs of a lane
  parameter PE_COUNT_BITS = 3,
  parameter KIND = 0,             // of the PEs, see pe.sv
  parameter WEIGHT_BITS = 8,      // of a weight at the PE
  parameter WORD_BITS = 32,       // of a memory
  parameter WORDS = 4,            // that the FIFO holds
  parameter SLOT_BITS = 2,
  parameter SOURCES = 1,
  parameter SPAN = 1,             // most words of which a PE cycle takes rows
  parameter RELEASE_BITS = 1,
  parameter OFFSET_BITS = 3,
  parameter ALIGNED = 1,          // every PE cycle begins with the first row of a word
  parameter WIDTHS = 1,           // widths that weights have in memory
  parameter WIDTH_BITS = 1,
  parameter [16*WIDTHS-1:0] WIDTH = 8   // each of them, bits
) (
  input  wire clk,
  input  wire reset,
  input  wire issue,                                  // a word takes room
  output logic [SLOT_BITS-1:0] issue_slot,
  input  wire [SOURCES-1:0] on_bus,
  input  wire [SOURCES*SLOT_BITS-1:0] bus_slot,
  input  wire [SOURCES*MEMS*WORD_BITS-1:0] bus_word,
  output logic [SOURCES-1:0] arrived,                 // in the cycle in which a word arrives
  input  wire run,                                    // a PE cycle
  input  wire last,                                   // the last one of its column
  input  wire [PE_COUNT_BITS-1:0] active,             // PEs of a lane, from the first on, that have a row
  input  wire [RELEASE_BITS-1:0] release_words,          // words that no later cycle needs
  input  wire [WIDTH_BITS-1:0] width,                 // which of the widths
  output logic [PES*WEIGHT_BITS-1:0] weights
);
  localparam GROUP = PES / MEMS;                      // PEs of a lane that a memory serves

  // ---- words -------------------------------------------------------------------------------------------------------
  logic [MEMS*WORD_BITS-1:0] held [0:WORDS-1];
  logic [SLOT_BITS-1:0] head;
  function automatic [SLOT_BITS-1:0] after(input [SLOT_BITS-1:0] slot, input [SLOT_BITS:0] words);
    logic [SLOT_BITS:0] sum;
    begin
      sum = {1'b0, slot} + words;
      if (sum >= (SLOT_BITS+1)'(WORDS)) sum = sum - (SLOT_BITS+1)'(WORDS);
      after = sum[SLOT_BITS-1:0];
    end
  endfunction

  always_ff @(posedge clk)
    if (reset) begin
      issue_slot <= '0;
      head <= '0;
      arrived <= '0;
    end else begin
      if (issue) issue_slot <= after(issue_slot, 1);
      if (run) head <= after(head, (SLOT_BITS+1)'(release_words));
      arrived <= on_bus;
    end
  always_ff @(posedge clk)
    for (int s = 0; s < SOURCES; s++)
      if (on_bus[s]) held[bus_slot[SLOT_BITS*s +: SLOT_BITS]] <= bus_word[MEMS*WORD_BITS*s +: MEMS*WORD_BITS];

  // ---- the first row of the cycle, counted from the first row of the word at the head ----------------------------------
  wire [OFFSET_BITS-1:0] offset;
  genvar m, i, w, j;
  generate
    if (ALIGNED == 1) begin : g_aligned
      assign offset = '0;
      wire unused = &{1'b0, last, active};
    end else begin : g_offset
      logic [OFFSET_BITS-1:0] kept, next;
      logic [OFFSET_BITS-1:0] word_rows;
      wire [PE_COUNT_BITS-1:0] taken;                       // rows of the first memory
      wire unused = &{1'b0, taken};
      if (MEMS == 1) begin : g_all
        assign taken = active;
      end else begin : g_own
        assign taken = active > PE_COUNT_BITS'(GROUP) ? PE_COUNT_BITS'(GROUP) : active;
      end
      always @* begin
        word_rows = '0;
        for (int k = 0; k < WIDTHS; k++)
          if (WIDTHS == 1 || width == WIDTH_BITS'(k)) word_rows = OFFSET_BITS'(WORD_BITS / 32'(WIDTH[16*k +: 16]));
        next = offset + OFFSET_BITS'(taken);
        for (int k = 0; k < SPAN; k++) if (release_words > RELEASE_BITS'(k)) next = next - word_rows;
      end
      always_ff @(posedge clk)
        if (reset) kept <= '0;
        else if (run) kept <= last ? '0 : next;
      assign offset = kept;
    end

    // ---- the weights of each memory ------------------------------------------------------------------------------------
    wire [SPAN*MEMS*WORD_BITS-1:0] window;
    for (i = 0; i < SPAN; i = i + 1) begin : g_window
      assign window[MEMS*WORD_BITS*i +: MEMS*WORD_BITS] = held[after(head, i)];
    end
    for (m = 0; m < MEMS; m = m + 1) begin : g_memory
      wire [GROUP*WEIGHT_BITS-1:0] choice [0:WIDTHS-1];
      for (w = 0; w < WIDTHS; w = w + 1) begin : g_width
        localparam BITS = WIDTH[16*w +: 16];
        localparam ROWS = WORD_BITS / BITS;
        wire [SPAN*ROWS*BITS-1:0] rows;
        for (i = 0; i < SPAN; i = i + 1) begin : g_word
          assign rows[ROWS*BITS*i +: ROWS*BITS] = window[(MEMS*i + m)*WORD_BITS +: ROWS*BITS];
        end
        wire [(SPAN*ROWS+GROUP)*BITS-1:0] shifted = {{GROUP*BITS{1'b0}}, rows} >> (offset * BITS);
        for (j = 0; j < GROUP; j = j + 1) begin : g_pe
          wire [BITS-1:0] code = shifted[BITS*j +: BITS];
          if (BITS >= WEIGHT_BITS) begin : g_whole
            assign choice[w][WEIGHT_BITS*j +: WEIGHT_BITS] = code[WEIGHT_BITS-1:0];
          end else if (KIND == 3) begin : g_power
            if (BITS == 1) begin : g_sign
              assign choice[w][WEIGHT_BITS*j +: WEIGHT_BITS] = {code, {(WEIGHT_BITS-1){1'b0}}};
            end else begin : g_exponent
              assign choice[w][WEIGHT_BITS*j +: WEIGHT_BITS] =
                {code[BITS-1], {(WEIGHT_BITS-BITS){1'b0}}, code[BITS-2:0]};
            end
          end else if (BITS == 1) begin : g_binary
            assign choice[w][WEIGHT_BITS*j +: WEIGHT_BITS] = {{(WEIGHT_BITS-1){!code[0]}}, 1'b1};
          end else begin : g_integer
            assign choice[w][WEIGHT_BITS*j +: WEIGHT_BITS] = {{(WEIGHT_BITS-BITS){code[BITS-1]}}, code};
          end
        end
        wire unused = &{1'b0, shifted};
      end
      if (WIDTHS == 1) begin : g_only
        assign weights[GROUP*WEIGHT_BITS*m +: GROUP*WEIGHT_BITS] = choice[0];
      end else begin : g_several
        assign weights[GROUP*WEIGHT_BITS*m +: GROUP*WEIGHT_BITS] = choice[width];
      end
    end
    wire unused_window = &{1'b0, window, width};
  endgenerate
endmodule
`default_nettype wire
