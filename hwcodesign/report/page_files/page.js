// Draws the charts and connects the sliders and buttons of the page.
"use strict";

const views = {};
const byId = (id) => document.getElementById(id);
const read = (id) => (byId(id) ? JSON.parse(byId(id).textContent) : null);

async function drawCharts() {
  const { config, charts } = read("chart-data");
  const options = { actions: false, renderer: "svg", config, logLevel: 1, tooltip: { theme: "custom" } };
  for (const [name, spec] of Object.entries(charts)) {
    const place = byId(`chart-${name}`);
    views[name] = (await vegaEmbed(place, spec, options)).view;
    place.querySelector("svg").setAttribute("aria-hidden", "true"); // the place has a text, and a table below it
  }
}

// --- the drawing of the network ---

function describeKernels() {
  const shown = byId("kernel");
  if (!shown) return;
  document.querySelectorAll(".chip").forEach((chip) => {
    const tell = () => (shown.textContent = chip.dataset.details);
    chip.addEventListener("focus", tell);
    chip.addEventListener("mouseenter", tell);
    chip.addEventListener("click", tell);
  });
}

// --- sliders ---

const percent = (value) => `${rounded(100 * value, 2)}%`;
const share = (value) => `${rounded(100 * value, 1)}%`;
const whole = (value) => Number(rounded(value, 1)).toLocaleString("en-US", { maximumFractionDigits: 1 });

function connectSliders(data) {
  const sliders = [...document.querySelectorAll(".sliders input")];
  const codes = () => sliders.map((slider, k) => data.steps[k][Number(slider.value)]);
  const put = (id, text) => byId(id) && (byId(id).textContent = text);
  const update = () => {
    const chosen = codes(), found = figures(data, chosen);
    sliders.forEach((slider, k) => {
      const text = data.values[k][Number(slider.value)];
      put(`threshold-${k}`, text);
      slider.setAttribute("aria-valuetext", text);
    });
    for (const split of ["fitting", "test"]) {
      const own = found[split];
      put(`${split}-accuracy`, percent(own.accuracy));
      put(`${split}-cost`, share(own.cost));
      own.rates.forEach((rate, k) => put(`${split}-rate-${k}`, share(rate)));
    }
    if (found.cycles !== null) {
      put("live-cycles", whole(found.cycles));
      put("live-least", whole(found.least));
      put("live-throughput", Number(rounded(found.throughput, 0)).toLocaleString("en-US"));
      put("live-latency", whole(found.latency));
    }
    const point = [{ accuracy: found.test.accuracy, cost: found.test.cost, latency: found.latency }];
    for (const name of ["accuracy_cost", "accuracy_latency"]) {
      if (views[name]) views[name].data("live", point).runAsync();
    }
  };
  const set = (wanted) => {
    sliders.forEach((slider, k) => (slider.value = data.steps[k].indexOf(wanted[k])));
    update();
  };
  sliders.forEach((slider) =>
    slider.addEventListener("input", () => {
      if (data.shared) {
        const code = data.steps[sliders.indexOf(slider)][Number(slider.value)];
        sliders.forEach((other, k) => {
          const at = data.steps[k].findIndex((step) => step >= code);
          if (other !== slider) other.value = at < 0 ? data.steps[k].length - 1 : at;
        });
      }
      update();
    }),
  );
  byId("fitted").addEventListener("click", () => set(data.codes));
  set(data.codes);
}

// --- the timeline ---

function connectTimeline() {
  const gantt = views.gantt;
  if (!gantt) return;
  const whole = [0, gantt.signal("to")];
  let [from, to] = whole;
  const both = [gantt, views.buffers].filter(Boolean);
  const show = (begin, width) => {
    width = Math.min(Math.max(width, 20), whole[1]);
    from = Math.min(Math.max(begin, 0), whole[1] - width);
    to = from + width;
    both.forEach((view) => view.signal("from", from).signal("to", to).runAsync());
  };
  const zoom = (factor, at = 0.5) => {
    const width = (to - from) * factor;
    show(from + (to - from) * at - width * at, width);
  };
  const sample = byId("sample");
  const light = (number) => {
    sample.value = number < 0 ? "" : number;
    gantt.signal("sample", number).runAsync();
  };
  const moves = {
    in: () => zoom(0.5),
    out: () => zoom(2),
    back: () => show(from - (to - from) / 3, to - from),
    on: () => show(from + (to - from) / 3, to - from),
    all: () => show(0, whole[1]),
  };
  Object.entries(moves).forEach(([name, move]) => byId(`zoom-${name}`).addEventListener("click", move));
  sample.addEventListener("input", () => light(sample.value === "" ? -1 : Number(sample.value)));
  gantt.addEventListener("click", (_, item) => {
    const number = item && item.datum && item.datum.sample;
    light(number === undefined || number === gantt.signal("sample") ? -1 : number);
  });
  byId("chart-gantt").addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.shiftKey) return; // the page scrolls
      event.preventDefault();
      const place = event.currentTarget.getBoundingClientRect();
      zoom(event.deltaY > 0 ? 1.25 : 0.8, (event.clientX - place.left) / place.width);
    },
    { passive: false },
  );
}

// Charts are as wide as paper when they are printed: the page has its layout for paper only later. Folded tables are
// printed, but for long ones.
const PAPER = 690;
function preparePrint() {
  let unfolded = [];
  addEventListener("beforeprint", () => {
    Object.values(views).forEach((view) => view.width(PAPER).run());
    unfolded = [...document.querySelectorAll("details:not([open], .long)")];
    unfolded.forEach((table) => (table.open = true));
  });
  addEventListener("afterprint", () => {
    unfolded.forEach((table) => (table.open = false));
    dispatchEvent(new Event("resize"));
  });
}

// Vega is a module, which runs when the page is read and before this event.
addEventListener("DOMContentLoaded", async () => {
  describeKernels();
  await drawCharts();
  const data = read("score-data");
  if (data && byId("fitted")) connectSliders(data);
  connectTimeline();
  const designs = read("design-data");
  if (designs) connectDesigns(designs);
  preparePrint();
  performance.mark("ready");
  document.documentElement.dataset.ready = "yes";
});
