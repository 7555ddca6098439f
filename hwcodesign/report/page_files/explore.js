// What thresholds do, computed from scores. These functions know nothing of the page, so that tests can run them alone.
"use strict";

// A number with so many digits, as Python writes it: what lies half way between two goes to the even one.
function rounded(value, digits) {
  const [whole, rest] = value.toFixed(20).split("."); // toFixed goes up there
  const down = digits ? `${whole}.${rest.slice(0, digits)}` : whole;
  const between = /^50*$/.test(rest.slice(digits));
  return between && Number(down.at(-1)) % 2 === 0 ? down : value.toFixed(digits);
}

// Accuracy, exit rates and average cost of a split, and where each of its samples leaves.
//   split: {samples, scores: one list an early exit, correct: one text of 0 and 1 an exit}
//   codes: one threshold an early exit; a sample leaves at the first exit whose score reaches it, or at the last
//   costs: of leaving at each exit
function evaluate(split, codes, costs) {
  const exits = costs.length, counts = new Array(exits).fill(0), taken = new Array(split.samples);
  let right = 0;
  for (let n = 0; n < split.samples; n++) {
    let k = 0;
    while (k < exits - 1 && split.scores[k][n] < codes[k]) k++;
    taken[n] = k;
    counts[k]++;
    right += split.correct[k][n] === "1" ? 1 : 0;
  }
  const rates = counts.map((count) => count / split.samples);
  const cost = counts.reduce((sum, count, k) => sum + count * costs[k], 0) / split.samples;
  return { accuracy: right / split.samples, rates, cost, taken };
}

// The least cycles per image that unlimited buffers allow: each stage needs its interval for what reaches it.
function leastCycles(stages, rates) {
  let reach = 1, most = 0;
  stages.forEach((stage, k) => {
    most = Math.max(most, reach * stage.interval);
    reach -= rates[k];
  });
  return most;
}

// Cycles per image up to the last decision, by the model of hwcodesign/exploration/queues.py.
//   stages: {interval, decision}; taken: where each sample leaves; depth: samples that each buffer holds
function cyclesPerSample(stages, taken, depth) {
  const last = stages.length - 1;
  const begun = stages.map((stage) => -stage.interval), freed = stages.map(() => new Array(depth).fill(0));
  const count = new Array(stages.length).fill(0);
  let end = 0;
  for (const leaves of taken) {
    let arrival = 0;
    for (let k = 0; k <= leaves; k++) {
      const stage = stages[k], place = count[k] % depth, before = (place + depth - 1) % depth;
      const start = Math.max(arrival, begun[k] + stage.interval, k < last ? freed[k][place] : 0);
      begun[k] = start;
      const decided = start + stage.decision;
      if (k > 0) freed[k - 1][(count[k - 1] + depth - 1) % depth] = start + stage.interval;
      arrival = decided;
      if (k < last) {
        freed[k][place] = Math.max(decided, freed[k][before]);
        count[k]++;
        arrival = Math.max(decided, freed[k][place]);
      }
      end = Math.max(end, decided);
    }
  }
  return end / taken.length;
}

function meanLatency(latency, rates) {
  return rates.reduce((sum, rate, k) => sum + rate * latency[k], 0);
}

// All figures of one choice of thresholds; those of hardware are null without RTL.
function figures(data, codes) {
  const fitting = evaluate(data.splits.fitting, codes, data.costs), test = evaluate(data.splits.test, codes, data.costs);
  if (!data.hardware) return { fitting, test, least: null, cycles: null, throughput: null, latency: null };
  const { stages, depth, latency, clock_mhz: clock } = data.hardware;
  const cycles = cyclesPerSample(stages, test.taken, depth);
  return {
    fitting,
    test,
    least: leastCycles(stages, test.rates),
    cycles,
    throughput: (clock * 1e6) / cycles,
    latency: meanLatency(latency, test.rates),
  };
}
