// A bench for control alone: memories that answer without words, and lists of which only the lengths are known.
//
// counts.hex has the columns of each list as each step reads it, by step and list; run.svh the steps of run and lanes.
`define CONTROL control_bench.control
`include "monitor.sv"
`default_nettype none
module control_bench #(
`include "parameters.svh"
);
`include "run.svh"

  reg clk = 0, reset = 1;
  always #1 clk = !clk;
  initial #4 reset = 0;

  wire [31:0] now;
  monitor monitor (.clk(clk), .reset(reset), .now(now));

  // ---- lists: copies hold what `step` and the step after it read ---------------------------------------------------------
  reg [COUNT_BITS-1:0] counts [0:(RUN_STEPS+2)*LISTS-1];
  initial $readmemh("counts.hex", counts);
  wire [STEP_BITS-1:0] step;
  reg [2*LISTS*COUNT_BITS-1:0] list_counts;
  integer list, later;
  reg copy;
  always @*
    for (list = 0; list < LISTS; list = list + 1)
      for (later = 0; later < 2; later = later + 1) begin
        copy = step[0] ^ later[0] ^ PREVIOUS[list];
        list_counts[(copy ? LISTS + list : list)*COUNT_BITS +: COUNT_BITS] = counts[(step + later)*LISTS + list];
      end

  // ---- memories ------------------------------------------------------------------------------------------------------------
  localparam MOST = 1 << DELAY_BITS;                        // cycles until a word arrives
  reg [SOURCES-1:0] on_way [0:MOST-1];                      // by the cycle in which it does
  reg [SOURCES-1:0] arrived = 0;
  integer c;
  initial for (c = 0; c < MOST; c = c + 1) on_way[c] = 0;
  wire word_issue, word_source;
  wire [DELAY_BITS-1:0] word_delay;
  always @(posedge clk) if (!reset) begin
    if (word_issue) on_way[(now + word_delay) % MOST][word_source] = 1;
    arrived <= on_way[(now + 1) % MOST];
    on_way[(now + 1) % MOST] = 0;
  end

  wire finished;
  control control (
    .clk(clk), .reset(reset), .steps(RUN_STEPS[STEP_BITS-1:0]), .lane_steps(RUN_LANE_STEPS), .list_counts(list_counts),
    .word_arrived(arrived), .step(step), .finished(finished),
    .word_issue(word_issue), .word_source(word_source), .word_delay(word_delay)
  );

  always @(posedge clk) if (!reset) begin
    if (finished) begin
      $display("F %0d", now);
      #1 $finish;                                           // once everything of this cycle has been logged
    end
    if (now == RUN_LIMIT) begin
      $display("S %0d", now);
      #1 $finish;                                           // once everything of this cycle has been logged
    end
  end
endmodule
`default_nettype wire
