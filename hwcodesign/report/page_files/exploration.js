// Links the charts, the sliders and the table of a search for designs.
"use strict";

// The numbers of the designs that are within every rectangle and every bound.
//   rows: one a design; areas: for each chart {key: [one end, other end]}; bounds: {key, least, value}
function selected(rows, areas, bounds) {
  const inArea = (row, area) =>
    Object.entries(area).every(([key, [a, b]]) => row[key] >= Math.min(a, b) && row[key] <= Math.max(a, b));
  const inBound = (row, { key, least, value }) => (least ? row[key] >= value : row[key] <= value);
  return rows
    .filter((row) => row.front && areas.every((area) => inArea(row, area)) && bounds.every((bound) => inBound(row, bound)))
    .map((row) => row.number);
}

function connectDesigns(data) {
  const linked = ["throughput_accuracy", "share_latency"].map((name) => views[name]);
  const rows = read("chart-data").charts.throughput_accuracy.data.values;
  const front = rows.filter((row) => row.front).length;
  const areas = linked.map(() => ({}));
  const slider = ({ key }) => byId(`bound-${key}`);
  const show = () => {
    const bounds = data.bounds.map((bound) => ({ ...bound, value: bound.steps[Number(slider(bound).value)] }));
    bounds.forEach((bound) => {
      const text = bound.texts[Number(slider(bound).value)];
      byId(`bound-${bound.key}-value`).textContent = text;
      slider(bound).setAttribute("aria-valuetext", text);
    });
    const numbers = selected(rows, areas, bounds);
    linked.forEach((view) => view.signal("selected", numbers).runAsync());
    document.querySelectorAll("#designs tbody tr").forEach((row) => {
      row.hidden = !numbers.includes(Number(row.dataset.number));
    });
    byId("selected").textContent = `${numbers.length} of ${front} designs`;
  };
  const pick = (number) => {
    [...linked, views.budget].forEach((view) => view.signal("picked", number).runAsync());
    byId("picked").textContent = number;
    byId("command").textContent = `${data.command} ${number}`;
    byId("facts").tBodies[0].replaceChildren(
      ...data.shown[number].map(([name, text]) => {
        const row = document.createElement("tr"), head = document.createElement("th"), cell = document.createElement("td");
        head.scope = "row";
        head.textContent = name;
        cell.className = "words";
        cell.textContent = text;
        row.append(head, cell);
        return row;
      }),
    );
    document.querySelectorAll("#designs .pick").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.textContent === String(number)));
    });
  };
  linked.forEach((view, k) => {
    view.addSignalListener("brush", (_, area) => {
      areas[k] = area || {};
      setTimeout(show); // the view is at work until its listeners return
    });
    view.addEventListener("click", (_, item) => {
      if (item && item.datum && item.datum.front) pick(item.datum.number);
    });
  });
  data.bounds.forEach((bound) => slider(bound).addEventListener("input", show));
  document.querySelectorAll("#designs .pick").forEach((button) => {
    button.addEventListener("click", () => pick(Number(button.textContent)));
  });
  byId("everything").addEventListener("click", () => {
    data.bounds.forEach((bound) => (slider(bound).value = 0));
    areas.fill({});
    // without these a rectangle stays where it was drawn
    linked.forEach((view) => view.signal("brush_x", []).signal("brush_y", []).runAsync());
    show();
  });
}
