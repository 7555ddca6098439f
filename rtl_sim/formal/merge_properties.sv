`default_nettype none

// record_merge: every record leaves exactly once, those of an exit in order, with the cycles frozen when it was first
// offered; the deepest that is offered goes first, and waits for at most two records that were taken before.
module merge_properties
  import hwc_pkg::*;
#(
  parameter int unsigned Exits = 3,
  // Bits of the records' numbers
  parameter int unsigned Width = 3
) (
  input wire logic             clk_i,
  input wire logic [Exits-1:0] in_valid_i,
  input wire logic             out_ready_i
);

  logic run_q = 1'b0;  // out of reset
  always_ff @(posedge clk_i) run_q <= 1'b1;

  logic [Exits-1:0] in_ready;
  logic out_valid;
  record_t out_data;
  record_t [Exits-1:0] in_data;
  logic [Exits-1:0][Width-1:0] in_q, out_q;  // each exit's next record in and out
  logic [Width-1:0] now_q;  // the cycle
  logic [Exits-1:0][Width-1:0] offered_q;  // cycle in which an input record was first offered
  logic [Exits-1:0] waits_q;
  logic out_waits_q;
  record_t out_data_q;

  // A record's number is its id, and its stamp is 0, so that its cycles are those of the clock.
  always_comb begin
    for (int unsigned k = 0; k < Exits; k++) begin
      in_data[k] = '0;
      in_data[k].exit_index = 8'(k);
      in_data[k].sample_id = 32'(in_q[k]);
      in_data[k].score = 32'(waits_q[k] ? offered_q[k] : now_q);
    end
  end

  record_merge #(
    .Exits(Exits)
  ) u_dut (
    .clk_i,
    .rst_ni(run_q),
    .now_i(32'(now_q)),
    .in_valid_i,
    .in_ready_o(in_ready),
    .in_data_i(in_data),
    .out_valid_o(out_valid),
    .out_ready_i,
    .out_data_o(out_data)
  );

  // records that were taken and have not left
  wire record_t [1:0] held = {record_t'(u_dut.u_output.spill_q), record_t'(u_dut.u_output.data_q)};
  wire [1:0] holds = {u_dut.u_output.spilt_q, u_dut.u_output.valid_q};

  always_ff @(posedge clk_i) begin
    out_waits_q <= run_q && out_valid && !out_ready_i;
    out_data_q <= out_data;
    now_q <= run_q ? now_q + 1'b1 : '0;
    for (int unsigned k = 0; k < Exits; k++) begin
      waits_q[k] <= run_q && in_valid_i[k] && !in_ready[k];
      offered_q[k] <= waits_q[k] ? offered_q[k] : now_q;
      in_q[k] <= run_q ? in_q[k] + Width'(in_valid_i[k] && in_ready[k]) : '0;
      if (!run_q) out_q[k] <= '0;
      else out_q[k] <= out_q[k] + Width'(out_valid && out_ready_i && out_data.exit_index == 8'(k));
    end
  end

  // of one exit, the number of records that are held
  function automatic logic [1:0] held_of(input logic [7:0] k);
    held_of = 2'(holds[0] && held[0].exit_index == k) + 2'(holds[1] && held[1].exit_index == k);
  endfunction

  // of one exit, the number of its next record to leave, or of the one behind the first that is held
  function automatic logic [Width-1:0] next_of(input logic [7:0] k, input logic behind);
    next_of = Width'(0);
    for (int unsigned j = 0; j < Exits; j++) begin
      if (k == 8'(j)) begin
        next_of = out_q[j] + Width'(behind && held[0].exit_index == k);
      end
    end
  endfunction

  always_ff @(posedge clk_i) begin
    if (run_q) begin
      for (int unsigned k = 0; k < Exits; k++) begin
        assume (in_valid_i[k] || !waits_q[k]);
      end
      assert (!out_waits_q || (out_valid && out_data == out_data_q))
      else $error("an output is withdrawn or changes");
      assert ($onehot0(in_ready & in_valid_i))
      else $error("two records are taken at once");
      for (int unsigned k = 0; k < Exits; k++) begin
        for (int unsigned deeper = k + 1; deeper < Exits; deeper++) begin
          assert (!(in_valid_i[k] && in_ready[k] && in_valid_i[deeper]))
          else $error("a shallower record goes first");
        end
        // conservation: what was taken is held or has left
        assert (in_q[k] == out_q[k] + Width'(held_of(8'(k))))
        else $error("a record was lost or doubled");
        assert (!in_valid_i[k] || in_ready[k] || holds[1] || |(in_valid_i >> (k + 1)))
        else $error("a record waits for nothing");
      end
      assert (holds[0] == out_valid && (holds[0] || !holds[1]))
      else $error("the output register skips a record");
      for (int unsigned i = 0; i < 2; i++) begin
        if (holds[i]) begin
          for (int unsigned k = 0; k < Exits; k++) begin
            assert (held[i].exit_index != 8'(k) || held[i].sample_id == 32'(next_of(8'(k), i == 1)))
            else $error("records of an exit are out of order");
          end
          assert (held[i].exit_index < 8'(Exits))
          else $error("a record of no exit");
          assert (held[i].cycles == 32'(held[i].score))
          else $error("cycles are not those of the first offer");
        end
      end
      for (int unsigned k = 0; k < Exits; k++) begin
        assert (u_dut.waits_q[k] == waits_q[k] && (!waits_q[k] || u_dut.cycles_q[k] == 32'(offered_q[k])))
        else $error("the merge's notes of first offers are wrong");
      end
    end
  end

endmodule

`default_nettype wire
