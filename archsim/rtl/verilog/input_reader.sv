// Fetches the inputs of the next step over the DRAM channel into one of two buffers; static order or tdm.
//
// Mirrors archsim/machine/input_reader.py and archsim/machine/dram_channel.py. Without FETCHES all inputs are always there.
`default_nettype none
module input_reader #(
`include "parameters.svh"
) (
  input  wire clk,
  input  wire reset,
  input  wire [STEP_BITS-1:0] steps,
  input  wire [LANES*STEP_BITS-1:0] lane_steps,
  input  wire step_consumed,                                // the PEs have consumed a step
  input  wire [1:0] first_on_channel,                       // the first burst of a step takes the channel, by parity
  input  wire first_left,                                   // it has left the channel
  input  wire [STEP_BITS-1:0] first_left_step,
  output wire [STEP_BITS:0] inputs_known,                   // steps whose inputs have arrived
  output wire [STEP_BITS:0] channel_turns                   // steps whose inputs have left the channel, or need none
);
  // What a step of the run that has no inputs to wait for is told.
  localparam [STEP_BITS:0] ALL = {1'b0, {STEP_BITS{1'b1}}};

  generate
    if (!FETCHES) begin : none
      assign inputs_known = ALL;
      assign channel_turns = ALL;
      wire unused = &{1'b0, clk, reset, steps, lane_steps, step_consumed, first_on_channel, first_left, first_left_step};
    end else begin : some
      // ---- registers -------------------------------------------------------------------------------------------------
      reg [STEP_BITS:0] fetch;                              // the step whose inputs are fetched, or come next
      reg fetching;                                         // they occupy the channel
      reg [WAIT_BITS-1:0] left;                             // cycles until they have left it
      reg [STEP_BITS:0] consumed, opened, known;            // steps consumed; 1 + the last step whose burst has left
      reg [1:0] on_way;                                     // inputs on their way, by parity of their step
      reg [WAIT_BITS-1:0] way_even, way_odd;                // cycles until they arrive

      // ---- this cycle ------------------------------------------------------------------------------------------------
      wire ended = fetching && left == 0;
      wire [STEP_BITS:0] next = fetch + (STEP_BITS+1)'(ended);
      wire [STEP_BITS:0] consumed_now = consumed + (STEP_BITS+1)'(step_consumed);
      wire [STEP_BITS:0] opened_now = first_left ? {1'b0, first_left_step} + 1'b1 : opened;
      wire [1:0] arriving = on_way & {way_odd == 0, way_even == 0};

      reg [LANE_COUNT_BITS-1:0] lanes;                      // that run at step `next`
      integer l;
      always @* begin
        lanes = 0;
        for (l = 0; l < LANES; l = l + 1)
          lanes = lanes + LANE_COUNT_BITS'({1'b0, lane_steps[l*STEP_BITS +: STEP_BITS]} > next);
      end
      wire idle = !fetching || ended;
      wire exists = next < {1'b0, steps} && lanes != 0;
      wire buffer_free = next < 2 || consumed_now + 1'b1 >= next;
      wire follows = FETCH_STATIC && next != 0 && (next[0] ? first_on_channel[0] : first_on_channel[1]);
      wire turn = idle && exists && buffer_free;
      wire begins = turn && (!follows || opened_now >= next);

      assign inputs_known = known + (STEP_BITS+1)'(arriving[0]) + (STEP_BITS+1)'(arriving[1]);
      assign channel_turns = !FETCH_STATIC || (idle && !exists) ? ALL : next;

      always @(posedge clk) begin
        if (reset) begin
          {fetch, fetching, left, consumed, opened, known, on_way, way_even, way_odd} <= 0;
        end else begin
          fetch <= next;
          fetching <= begins || !idle;
          left <= begins ? FETCH_CYCLES[lanes*WAIT_BITS +: WAIT_BITS] - 1'b1 : left - 1'b1;
          consumed <= consumed_now;
          opened <= opened_now;
          known <= inputs_known;
          on_way <= (on_way & ~arriving) | {ended && fetch[0], ended && !fetch[0]};
          way_even <= ended && !fetch[0] ? WAIT_BITS'(FETCH_LATENCY) - 1'b1 : way_even - 1'b1;
          way_odd <= ended && fetch[0] ? WAIT_BITS'(FETCH_LATENCY) - 1'b1 : way_odd - 1'b1;
        end
      end
    end
  endgenerate
endmodule
`default_nettype wire
