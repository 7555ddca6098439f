// What is wrong with the page that is open; each function returns texts, or what it has measured.
"use strict";

const MOST_AROUND = 90; // pixels above and below the axes of a chart, for its labels

const inspection = {
  // Seconds from the start of the navigation to the last chart.
  ready: () => performance.getEntriesByName("ready")[0].startTime / 1000,

  // Seconds until its text is seen.
  text: () => performance.getEntriesByName("first-contentful-paint")[0].startTime / 1000,

  named(element) {
    const own = element.id ? `#${element.id}` : `${element.tagName.toLowerCase()}.${element.getAttribute("class") || ""}`;
    const holder = element.closest("figure[id], section");
    const where = holder && holder !== element ? ` in ${holder.id || holder.querySelector("h2")?.id}` : "";
    return `${own}${where} "${(element.textContent || "").trim().slice(0, 40)}"`;
  },

  // Parts that make the page wider than the screen.
  tooWide() {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width && document.body.scrollWidth <= width) return [];
    const wide = [...document.querySelectorAll("body *")].filter((element) => {
      const scrolls = element.parentElement.closest(".wide");
      return !scrolls && element.getBoundingClientRect().right > width + 0.5;
    });
    return [`the page is ${document.documentElement.scrollWidth} px wide`, ...wide.map(this.named)];
  },

  // Elements that hide a part of their text, and texts of drawings that lie outside, or are shortened.
  cutText() {
    const found = [];
    for (const element of document.querySelectorAll("body *:not(svg *)")) {
      const { overflowX, overflowY } = getComputedStyle(element);
      const hides = (how) => how === "hidden" || how === "clip";
      if (hides(overflowX) && element.scrollWidth > element.clientWidth) found.push(`wider: ${this.named(element)}`);
      if (hides(overflowY) && element.scrollHeight > element.clientHeight) found.push(`higher: ${this.named(element)}`);
    }
    for (const svg of document.querySelectorAll("svg")) {
      const frame = svg.getBoundingClientRect();
      for (const text of svg.querySelectorAll("text")) {
        const box = text.getBoundingClientRect();
        if (!box.width || !frame.width || text.getAttribute("opacity") === "0") continue;
        const out = Math.max(frame.left - box.left, box.right - frame.right, frame.top - box.top, box.bottom - frame.bottom);
        if (out > 1.5) found.push(`outside by ${out.toFixed(1)} px: ${this.named(text)}`);
        if (text.textContent.includes("…")) found.push(`shortened: ${this.named(text)}`);
      }
    }
    return found;
  },

  // Texts of a drawing that lie on one another.
  onOneAnother() {
    const found = [];
    for (const svg of document.querySelectorAll("main svg")) {
      const texts = [...svg.querySelectorAll("text")]
        .filter((text) => text.textContent.trim() && text.getAttribute("opacity") !== "0")
        .map((text) => [text, text.getBoundingClientRect()])
        .filter(([, box]) => box.width);
      texts.forEach(([a, p], k) =>
        texts.slice(k + 1).forEach(([b, q]) => {
          const across = Math.min(p.right, q.right) - Math.max(p.left, q.left);
          const down = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
          if (across > 2 && down > 4) found.push(`${this.named(a)} on ${this.named(b)}`);
        }),
      );
    }
    return found;
  },

  // Charts without marks, or with marks at no number.
  notDrawn() {
    const found = [];
    for (const chart of document.querySelectorAll(".chart")) {
      const marks = [...chart.querySelectorAll("svg g[class*='mark-'] > *")].filter((mark) => {
        const box = mark.getBoundingClientRect();
        return !mark.closest("[class*='role-axis'], [class*='role-legend']") && box.width + box.height > 0;
      });
      const inside = marks.filter((mark) => !["g"].includes(mark.tagName) && !mark.matches(".background, .foreground"));
      if (!inside.length) found.push(`${chart.id} has no marks`);
      if (/NaN|undefined/.test(chart.innerHTML)) found.push(`${chart.id} has marks at no number`);
      const frame = chart.getBoundingClientRect(), drawn = chart.querySelector("svg")?.getBoundingClientRect();
      if (drawn && drawn.width > frame.width + 1) found.push(`${chart.id} is wider than its place`);
      const around = drawn ? drawn.height - views[chart.id.replace("chart-", "")].height() : 0;
      if (around > MOST_AROUND) found.push(`${chart.id} has ${around.toFixed()} px beside its axes`);
    }
    return found;
  },

  charts: () => document.querySelectorAll(".chart").length,
};
