// The control of weight path, PEs, activation unit and encoder, which begins up to BURSTS bursts in a cycle. What is
// decided for a cycle depends on the next state of every counter, so all of it is one loop from register to register.
// The program (what each burst takes) is read by the numbers of bursts that it gives out; it is not part of the control.
module control #(parameter B = 16, BURSTS = 1, BANKS = 2)(
  input clk, rst, word_in, word_last, input [B-1:0] fifo_words, bursts, steps, setup, listed, inputs,
  // of the burst on the weight path and those after it: whether it waits for a list, reads inputs, reads the state
  input [BURSTS-1:0] s_waits, s_inputs, s_state, input [BURSTS*B-1:0] s_norms, s_words, s_pace,
  // of the burst in the PEs and those after it
  input [BURSTS-1:0] p_opens, p_closes, input [BURSTS*B-1:0] p_words, p_cycles,
  input [B-1:0] a_cycles, e_cycles, input a_last, e_last,
  output reg [B-1:0] s_burst, p_burst, a_block, e_block, s_step, a_step, e_step,
  output reg request, request_state, pe_on, pe_last, a_on, a_first, e_on, e_first, finished, bank, a_bank,
  output reg [1:0] opened, output reg [B-1:0] column, pe_row
);
  localparam TURN = 0, SET = 1, NORMS = 2, COLUMNS = 3, OVER = 4;
  reg [2:0] state; reg [B-1:0] s_count, s_left, s_column, credits, known; reg begun;
  reg described; reg [B-1:0] d_columns;                             // the burst on its way to the PEs
  reg active; reg [B-1:0] p_left, p_count, p_column, p_taken, arrived; reg some, early;
  reg [1:0] free, inbox, e_inbox; reg [B-1:0] a_count, e_count, of_even, of_odd, columns; reg e_busy, take, step;
  reg [1:0] closed; integer i, si, pi;

  always @(posedge clk) begin
    request = 0; opened = 0; a_first = 0; e_first = 0; closed = 0; si = 0; pi = 0; step = 0;
    if (rst) begin
      state = TURN; s_count = 0; s_left = 0; s_column = 0; credits = fifo_words; known = 0; begun = 1; described = 0;
      d_columns = 0; active = 0; p_left = 0; p_count = 0; p_column = 0; p_taken = 0; arrived = 0; some = 0; early = 0;
      free = BANKS; inbox = 0; e_inbox = 0; a_count = 0; e_count = 0; of_even = 0; of_odd = 0; e_busy = 0; finished = 0;
      s_burst = 0; p_burst = 0; a_block = 0; e_block = 0; s_step = 0; a_step = 0; e_step = 0; bank = 0; a_bank = 0;
    end else begin
      // What the cycle before has brought.
      if (s_count != 0) s_count = s_count - 1'b1;
      if (word_in) begin
        some = ~word_last;
        if (word_last) begin if (early) early = 0; else arrived = arrived + 1'b1; end
      end
      if (p_count != 0) begin
        p_count = p_count - 1'b1;
        if (p_count == 0) credits = credits + p_taken;
      end
      if (a_count != 0) begin
        a_count = a_count - 1'b1;
        if (a_count == 0) begin
          free = free + 1'b1; e_inbox = e_inbox + 1'b1; a_bank = ~a_bank;
          if (a_last) begin a_step = a_step + 1'b1; a_block = 0; end else a_block = a_block + 1'b1;
        end
      end
      if (e_count != 0) begin
        e_count = e_count - 1'b1;
        if (e_step[0]) of_odd = listed; else of_even = listed;
      end
      if (e_busy && e_count == 0) begin
        e_busy = 0;
        if (e_last) begin e_step = e_step + 1'b1; known = e_step; e_block = 0; finished = e_step == steps; end
        else e_block = e_block + 1'b1;
      end
      if (!e_busy && e_inbox != 0) begin e_inbox = e_inbox - 1'b1; e_busy = 1; e_first = 1; e_count = e_cycles; end

      // PEs and weight path, as often as bursts may begin.
      for (i = 0; i < BURSTS; i = i + 1) begin
        if (p_count == 0) begin
          take = 0;
          if (active && p_left == 0) begin
            active = 0; if (p_closes[pi]) closed = closed + 1'b1;
            p_burst = p_burst + 1'b1; if (p_burst == bursts) p_burst = 0;
            pi = (pi < BURSTS - 1) ? pi + 1 : pi;
          end
          if (!active && described && (!p_opens[pi] || free != 0) && (d_columns == 0 || arrived != 0 || some)) begin
            described = 0; begun = 1; active = 1; p_left = d_columns; p_column = 0; take = d_columns != 0;
            if (p_opens[pi]) begin free = free - 1'b1; bank = ~bank; opened[bank] = 1; end
          end else if (active && (arrived != 0 || (some && !early))) take = 1;
          if (take) begin
            p_left = p_left - 1'b1; p_column = p_column + 1'b1; p_taken = p_words[pi*B +: B];
            p_count = p_cycles[pi*B +: B];
            if (arrived == 0) early = 1; else arrived = arrived - 1'b1;
          end
        end
        if (s_count == 0) begin
          if (state == COLUMNS && s_left == 0) begin
            s_burst = s_burst + 1'b1; state = TURN; si = (si < BURSTS - 1) ? si + 1 : si;
            if (s_burst == bursts) begin s_burst = 0; s_step = s_step + 1'b1; step = ~step; end
            if (s_step == steps) state = OVER;
          end
          if (state == TURN && begun && (!s_waits[si] || known >= s_step)) begin state = SET; s_count = setup; end
          if (state == SET && s_count == 0) begin state = NORMS; s_count = s_norms[si*B +: B]; end
          if (state == NORMS && s_count == 0) begin
            columns = s_step[0] ? of_odd : of_even;
            d_columns = (s_inputs[si] ? inputs : {B{1'b0}}) + (s_state[si] ? columns : {B{1'b0}});
            state = COLUMNS; s_left = d_columns; s_column = 0; described = 1; begun = 0;
          end
          if (state == COLUMNS && s_left != 0 && credits >= s_words[si*B +: B]) begin
            credits = credits - s_words[si*B +: B]; request = 1; request_state = !s_inputs[si] || s_column >= inputs;
            s_count = s_pace[si*B +: B]; s_left = s_left - 1'b1; s_column = s_column + 1'b1;
          end
        end
      end

      inbox = inbox + closed;
      if (a_count == 0 && inbox != 0) begin inbox = inbox - 1'b1; a_count = a_cycles; a_first = 1; end
    end
    pe_on <= p_count != 0; pe_last <= p_count == 1; pe_row <= p_count; column <= s_column;
    a_on <= a_count != 0; e_on <= e_count != 0;
  end
endmodule
