// Charts read their figures from a json_script element and their colours from the tokens.
// <div class="chart" data-chart="lift" data-source="id">; shapes of the data stand above each kind.
(() => {
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--m-${name}`).trim();
  const SERIES = ["c1", "c2", "c3", "c4", "c5", "c6"];
  const MINUS = "−";
  const number = (value, places = 0) => {
    const text = Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
    return (Number(text.replaceAll(",", "")) !== 0 && value < 0 ? MINUS : "") + text;
  };
  const signed = (value, places = 0) => (value > 0 ? "+" : "") + number(value, places);
  const short = (value) => number(value, Number.isInteger(value) ? 0 : 1);

  const label = () => ({ color: token("ink-3"), fontSize: 12, margin: 8 });
  const axisX = (data, more = {}) => ({
    type: "category", data, axisTick: { show: false }, axisLabel: { ...label(), hideOverlap: true },
    axisLine: { lineStyle: { color: token("c-axis") } }, splitLine: { show: false },
    nameLocation: "middle", nameGap: 26, nameTextStyle: { color: token("ink-3"), fontSize: 12 }, ...more,
  });
  const axisY = (more = {}) => ({
    type: "value", splitNumber: 4, axisLine: { show: false }, axisTick: { show: false },
    axisLabel: { ...label(), formatter: short }, splitLine: { lineStyle: { color: token("c-grid") } },
    nameTextStyle: { color: token("ink-3"), fontSize: 12, align: "left" }, ...more,
  });
  const tooltip = (formatter, pointer = "line") => ({
    trigger: "axis", renderMode: "richText", formatter, confine: true, axisPointer: { type: pointer, lineStyle: { color: token("line-2") }, shadowStyle: { color: token("hover"), opacity: .5 } },
    backgroundColor: token("surface"), borderColor: token("line-2"), borderWidth: 1, padding: [8, 10],
    textStyle: { color: token("ink"), fontSize: 12, fontFamily: token("font") },
  });
  const zeroLine = () => ({
    silent: true, symbol: "none", label: { show: false }, data: [{ yAxis: 0 }],
    lineStyle: { color: token("ink-3"), type: "solid", width: 1 },
  });

  // rows of [x, low, high]; a bar with caps
  const intervals = (rows, colour, width = 1.5, cap = 4) => ({
    type: "custom", silent: true, z: 4, data: rows, encode: { x: 0, y: [1, 2] }, tooltip: { show: false },
    renderItem: (_, api) => {
      const [x, low] = api.coord([api.value(0), api.value(1)]);
      const high = api.coord([api.value(0), api.value(2)])[1];
      const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: colour, lineWidth: width, fill: null } });
      return { type: "group", children: [line(x, low, x, high), line(x - cap, low, x + cap, low), line(x - cap, high, x + cap, high)] };
    },
  });

  // {days, est, lo, hi, words: {est, interval, unit}}: shares of one, drawn in percentage points
  const lift = ({ days, est, lo, hi, words }) => {
    const points = (values) => values.map((v) => (v === null ? null : v * 100));
    const [e, l, h] = [est, lo, hi].map(points);
    const known = days.map((_, i) => i).filter((i) => e[i] !== null);
    const unsure = (i) => l[i] <= 0 && h[i] >= 0;
    const colour = (i) => (unsure(i) ? token("c-control") : h[i] < 0 ? token("bad-solid") : token("c1"));
    const groups = Map.groupBy ? Map.groupBy(known, colour) : known.reduce((all, i) => all.set(colour(i), [...(all.get(colour(i)) || []), i]), new Map());
    const wide = Math.max(...known.map((i) => Math.max(Math.abs(l[i]), Math.abs(h[i]))), 0);
    const places = wide < 1 ? 2 : 1;
    return {
      grid: { left: 8, right: 12, top: 12, bottom: 4, containLabel: true },
      tooltip: tooltip(([first]) => {
        const i = first.dataIndex === undefined ? 0 : first.value[0];
        return `${days[i]}\n${words.est} ${signed(e[i], 2)} ${words.unit}\n${words.interval} ${signed(l[i], 2)} – ${signed(h[i], 2)}`;
      }),
      xAxis: axisX(days, { axisLine: { show: false } }),
      yAxis: axisY({ axisLabel: { ...label(), formatter: (v) => signed(v, places) } }),
      series: [
        ...[...groups].map(([tint, rows]) => intervals(rows.map((i) => [i, l[i], h[i]]), tint)),
        {
          type: "scatter", z: 5, symbolSize: 8, markLine: zeroLine(),
          data: known.map((i) => ({
            value: [i, e[i]],
            itemStyle: unsure(i) ? { color: token("surface"), borderColor: token("c-control"), borderWidth: 2, opacity: 1 } : { color: colour(i), opacity: 1 },
          })),
        },
      ],
    };
  };

  // {weeks, anyway, extra, lo, hi, open, words: {anyway, extra, interval}}: lo and hi are of `extra`
  const weekly = ({ weeks, anyway, extra, lo, hi, open = [], words }) => {
    const pale = (i) => (open[i] ? .5 : 1);
    const column = (name, values, colour, more = {}) => ({
      name, type: "bar", stack: "all", barMaxWidth: 28, ...more,
      data: values.map((value, i) => ({ value, itemStyle: { color: colour, opacity: pale(i) } })),
    });
    const ends = weeks.map((_, i) => [i, anyway[i] + lo[i], anyway[i] + hi[i]]);
    return {
      grid: { left: 8, right: 12, top: 26, bottom: 4, containLabel: true },
      tooltip: tooltip(([{ dataIndex: i }]) => `${weeks[i]}\n${words.anyway} ${number(anyway[i])}\n${words.extra} ${signed(extra[i])}\n${words.interval} ${signed(lo[i])} – ${signed(hi[i])}`, "shadow"),
      xAxis: axisX(weeks),
      yAxis: axisY({ min: 0 }),
      series: [
        column(words.anyway, anyway, token("c-baseline")),
        column(words.extra, extra.map((v) => Math.max(v, 0)), token("c1")),
        intervals(ends, token("ink"), 1.2),
        {
          type: "scatter", symbolSize: 0, silent: true, tooltip: { show: false },
          data: extra.map((v, i) => [i, Math.max(anyway[i] + hi[i], anyway[i])]),
          labelLayout: { hideOverlap: true },
          label: {
            show: true, position: "top", distance: 2, fontSize: 12, fontWeight: 600,
            formatter: ({ dataIndex: i }) => signed(extra[i]),
            color: token("accent-ink"),
          },
        },
      ],
    };
  };

  const tint = (series, i) => token(series.colour === "control" ? "c-control" : series.colour || SERIES[i % SERIES.length]);
  const listed = (names, values, unit) => names.map((name, i) => `${name}  ${values[i] === null || values[i] === undefined ? "–" : short(values[i])}${unit}`).join("\n");

  // {x, series: [{name, values, colour, dashed}], unit, from_zero, x_name, y_name}
  const line = ({ x, series, unit = "", from_zero: fromZero = true, x_name: xName, y_name: yName }) => ({
    grid: { left: 8, right: 16, top: yName ? 30 : 12, bottom: xName ? 22 : 4, containLabel: true },
    tooltip: tooltip((hits) => `${hits[0].axisValueLabel}\n${listed(hits.map((h) => h.seriesName), hits.map((h) => h.value), unit)}`),
    xAxis: axisX(x, { boundaryGap: false, name: xName }),
    yAxis: axisY({ scale: !fromZero, name: yName, axisLabel: { ...label(), formatter: (v) => short(v) + unit } }),
    series: series.map((one, i) => ({
      name: one.name, type: "line", data: one.values, symbolSize: 6, showSymbol: x.length <= 16, connectNulls: false,
      lineStyle: { color: tint(one, i), width: one.colour === "control" ? 1.5 : 2, type: one.dashed ? "dashed" : "solid" },
      itemStyle: { color: tint(one, i) },
    })),
  });

  // {x, series: [{name, values, colour}], unit, horizontal, stacked, y_name}
  const bars = ({ x, series, unit = "", horizontal = false, stacked = false, y_name: yName }) => {
    const names = axisX(x, horizontal ? { inverse: true } : {});
    const values = axisY({ min: (v) => Math.min(0, v.min), name: yName, axisLabel: { ...label(), formatter: (v) => short(v) + unit } });
    return {
      grid: { left: 8, right: 16, top: yName ? 30 : 12, bottom: 4, containLabel: true },
      tooltip: tooltip((hits) => `${hits[0].axisValueLabel}\n${listed(hits.map((h) => h.seriesName), hits.map((h) => h.value), unit)}`, "shadow"),
      xAxis: horizontal ? values : names,
      yAxis: horizontal ? names : values,
      series: series.map((one, i) => ({
        name: one.name, type: "bar", data: one.values, barMaxWidth: 28, barGap: "10%", stack: stacked ? "all" : undefined, itemStyle: { color: tint(one, i) },
      })),
    };
  };

  const KINDS = { lift, weekly, line, bars };

  const draw = (el) => {
    const source = document.getElementById(el.dataset.source);
    if (!source || !KINDS[el.dataset.chart]) return;
    // The height is set by app.js from data-h; a chart measures its box once it is drawn.
    if (el.dataset.h) el.style.height = `${el.dataset.h}px`;
    const chart = echarts.getInstanceByDom(el) || echarts.init(el, null, { renderer: "svg" });
    const base = { animation: false, textStyle: { fontFamily: token("font"), fontSize: 12, color: token("ink-2") } };
    chart.setOption({ ...base, ...KINDS[el.dataset.chart](JSON.parse(source.textContent)) }, true);
  };
  const all = (root, act) => {
    if (root.matches?.("[data-chart]")) act(root);
    root.querySelectorAll?.("[data-chart]").forEach(act);
  };
  const box = new ResizeObserver((entries) => entries.forEach(({ target }) => echarts.getInstanceByDom(target)?.resize()));
  const begin = (root) => all(root, (el) => { draw(el); box.observe(el); });

  const png = async (el, name) => {
    const svg = new Image();
    const { width, height } = el.getBoundingClientRect();
    const drawn = new XMLSerializer().serializeToString(el.querySelector("svg"));
    svg.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawn)}`;
    await svg.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: width * 2, height: height * 2 });
    const paint = canvas.getContext("2d");
    paint.fillStyle = token("surface");
    paint.fillRect(0, 0, canvas.width, canvas.height);
    paint.drawImage(svg, 0, 0, canvas.width, canvas.height);
    Object.assign(document.createElement("a"), { href: canvas.toDataURL("image/png"), download: `${name || el.id}.png` }).click();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-chart-png]");
    if (button) png(document.getElementById(button.dataset.chartPng), button.dataset.chartName);
  });
  document.addEventListener("theme-changed", () => all(document, draw));
  document.addEventListener("htmx:load", (event) => begin(event.detail.elt));
  document.addEventListener("htmx:beforeCleanupElement", (event) => all(event.detail.elt, (el) => echarts.getInstanceByDom(el)?.dispose()));
  begin(document);
})();
