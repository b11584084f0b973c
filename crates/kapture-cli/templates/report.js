
"use strict";
// Names each day, makes the calendar walkable by keyboard, and filters by year. Without this script
// the page shows the same days, without their names.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const states = { s: "sealed", o: "open", m: "missing", a: "pulled by a clock that was ahead" };
  const proofs = ["overlap of pages", "capture and recapture", "stable rows", "page lengths", "the server's word"];
  const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
  const number = new Intl.NumberFormat("en");
  const byId = (id) => document.getElementById(id);
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const DAY = 86400000;
  const start = data.first ? Date.parse(data.first) : 0;
  const iso = (index) => new Date(start + index * DAY).toISOString().slice(0, 10);
  const counted = (count) => number.format(count) + (count === 1 ? " customer" : " customers");

  // When each day was pulled: the minutes are counted from the day before that was pulled.
  let minute = 0;
  const pulled = data.pulled.map((since) => since === null ? null : (minute += since));

  const stateOf = (index) => {
    const letter = data.states[index];
    // Sealed and stale begin with the same letter.
    return data.reasons[index] ? "stale" : states[letter];
  };
  const nameOf = (index) => {
    const date = iso(index);
    const parts = [weekday.format(Date.parse(date)) + ", " + date + ": " + stateOf(index)];
    if (pulled[index] !== null) parts[0] += ", " + counted(data.customers[index]);
    if (data.reasons[index]) parts.push(data.reasons[index]);
    if (pulled[index] !== null) {
      parts.push("proven by " + proofs[data.proofs[index]]);
      parts.push("pulled " + new Date(pulled[index] * 60000).toISOString().slice(0, 16).replace("T", " ") + " UTC");
    }
    return parts.join("; ");
  };

  const cells = all(".months td[class]");
  cells.forEach((cell, index) => {
    cell.tabIndex = -1;
    cell.setAttribute("aria-label", nameOf(index));
  });
  const indexOf = new Map(cells.map((cell, index) => [cell, index]));

  // One cell is in the order of the Tab key, the others are reached from it.
  let current = null;
  const makeCurrent = (cell) => {
    if (current) current.tabIndex = -1;
    current = cell;
    if (cell) cell.tabIndex = 0;
  };
  const isShown = (cell) => cell && !cell.closest(".year").hidden;
  const shown = () => cells.filter(isShown);

  const monthLater = (index, months) => {
    const date = new Date(start + index * DAY);
    const first = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1);
    const last = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months + 1, 0);
    const day = Math.min(first + (date.getUTCDate() - 1) * DAY, last);
    return Math.round((day - start) / DAY);
  };
  const steps = {
    ArrowLeft: (index) => index - 1,
    ArrowRight: (index) => index + 1,
    ArrowUp: (index) => index - 7,
    ArrowDown: (index) => index + 7,
    PageUp: (index) => monthLater(index, -1),
    PageDown: (index) => monthLater(index, 1),
    Home: () => indexOf.get(shown()[0]),
    End: () => indexOf.get(shown().pop()),
  };

  const tip = byId("tip");
  const showTip = (text, x, y) => {
    tip.textContent = text;
    tip.hidden = false;
    const width = document.documentElement.clientWidth;
    tip.style.left = Math.max(8, Math.min(x, width - tip.offsetWidth - 8)) + "px";
    tip.style.top = y + "px";
  };
  const hideTip = () => { tip.hidden = true; };
  const tipOf = (cell) => {
    const box = cell.getBoundingClientRect();
    showTip(cell.getAttribute("aria-label"), box.left + scrollX, box.bottom + scrollY + 6);
  };
  const cellOf = (event) => {
    const cell = event.target.closest && event.target.closest("td[aria-label]");
    return cell && indexOf.has(cell) ? cell : null;
  };
  const calendar = byId("calendar");
  calendar.addEventListener("keydown", (event) => {
    const cell = cellOf(event);
    const step = steps[event.key];
    if (!cell || !step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = cells[step(indexOf.get(cell))];
    if (isShown(next)) next.focus();
  });
  calendar.addEventListener("focusin", (event) => {
    const cell = cellOf(event);
    if (!cell) return;
    makeCurrent(cell);
    tipOf(cell);
  });
  calendar.addEventListener("focusout", hideTip);
  calendar.addEventListener("mouseover", (event) => {
    const cell = cellOf(event);
    if (cell) tipOf(cell); else hideTip();
  });
  calendar.addEventListener("mouseleave", hideTip);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

  // The charts.
  const yearOf = (index) => Number(iso(index).slice(0, 4));
  const bounds = (year) => {
    if (!year) return [0, data.customers.length];
    const from = Math.max(0, Math.round((Date.UTC(year, 0, 1) - start) / DAY));
    const to = Math.min(data.customers.length, Math.round((Date.UTC(year + 1, 0, 1) - start) / DAY));
    return [from, to];
  };
  const figures = all("figure[data-unit]");
  const allTicks = new Map(figures.map((figure) => [figure, all(".tick", figure)]));
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const svg = "http://www.w3.org/2000/svg";
  const zoom = (year) => {
    const [from, to] = bounds(year);
    for (const figure of figures) {
      all(".bars", figure).forEach((bars) => bars.setAttribute("viewBox", from + " 0 " + Math.max(1, to - from) + " 1000"));
      all(".tick", figure).forEach((tick) => tick.remove());
      const chart = figure.querySelector(".chart");
      if (!year) {
        allTicks.get(figure).forEach((tick) => chart.append(tick));
        continue;
      }
      for (let month = 0; month < 12; month += 1) {
        const at = Math.round((Date.UTC(year, month, 1) - start) / DAY);
        if (at < from || at >= to) continue;
        const tick = document.createElementNS(svg, "text");
        tick.setAttribute("class", "tick");
        tick.setAttribute("x", ((at - from) * 100 / (to - from)) + "%");
        tick.setAttribute("y", "198");
        tick.textContent = months[month];
        chart.append(tick);
      }
    }
  };
  const year = byId("year");
  const filter = () => {
    all(".year").forEach((block) => { block.hidden = year.value !== "" && block.dataset.year !== year.value; });
    zoom(Number(year.value));
    if (!isShown(current)) makeCurrent(shown()[0] || null);
  };
  const unitOf = (unit, index) => {
    const date = new Date(start + index * DAY);
    if (unit === "day") return iso(index);
    if (unit === "month") return iso(index).slice(0, 7);
    return "week of " + new Date(date - ((date.getUTCDay() + 6) % 7) * DAY).toISOString().slice(0, 10);
  };
  for (const figure of figures) {
    const unit = figure.dataset.unit;
    const sums = new Map();
    data.customers.forEach((count, index) => {
      const key = unitOf(unit, index);
      sums.set(key, (sums.get(key) || 0) + count);
    });
    const chart = figure.querySelector(".chart");
    chart.addEventListener("mousemove", (event) => {
      const box = chart.getBoundingClientRect();
      const [from, to] = bounds(Number(year.value));
      const index = from + Math.floor((event.clientX - box.left) * (to - from) / box.width);
      if (index < from || index >= to) return hideTip();
      const key = unitOf(unit, index);
      showTip(key + ": " + counted(sums.get(key)), event.pageX + 12, event.pageY + 16);
    });
    chart.addEventListener("mouseleave", hideTip);
  }
  const showUnit = () => {
    const chosen = document.querySelector("input[name=unit]:checked");
    figures.forEach((figure) => { figure.hidden = Boolean(chosen) && figure.dataset.unit !== chosen.value; });
  };
  all("input[name=unit]").forEach((input) => input.addEventListener("change", showUnit));

  all(".js").forEach((element) => { element.hidden = false; });
  // Ten years are many: the newest one comes first, the others are a choice away.
  if (year.options.length > 3) year.value = String(yearOf(data.customers.length - 1));
  if (cells.length) makeCurrent(cells[cells.length - 1]);
  year.addEventListener("change", filter);
  filter();
  showUnit();
})();
