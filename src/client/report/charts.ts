import { type BarSeriesOption, type EChartsOption, init } from 'echarts';
import { formatDuration } from '../../model/duration';
import type { MetricQuery, Metrics } from '../../model/metrics';
import { originOf, type ReportSource, reached, sinceText } from '../../model/report';

/** A chart as an SVG without script, and what it is called. */
export interface Chart {
  title: string;
  svg: string;
}

const palette = ['#4f7fe0', '#e08a3c', '#2f9e75', '#c2559d', '#8a6fd1', '#b08a2e', '#4aa3b5'];
const stateColours = {
  done: '#4f7fe0',
  running: '#d99a2b',
  failed: '#d14b41',
  skipped: '#98a2b3',
};
/** The page's style puts its own in place of this one, so that texts follow its light and dark. */
const ink = '#5d6778';
const line = '#98a2b355';
const font = { fontFamily: 'system-ui, sans-serif', fontSize: 12, color: ink };

function draw(width: number, height: number, option: EChartsOption): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({ animation: false, textStyle: font, color: palette, ...option });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

/** The steps as bars over time, with the milestones as lines; undefined where nothing took any time. */
export function stepsChart(source: ReportSource): Chart | undefined {
  const { ledger, approvals, milestones, startedAt, endedAt } = source;
  const origin = originOf(source);
  const since = (time: string) => Date.parse(time) - origin;
  const marks = reached(milestones).map(({ name, at }) => ({ name, xAxis: since(at) }));
  const end = Math.max(
    ...ledger.flatMap((entry) => [since(entry.startedAt), since(entry.endedAt ?? entry.startedAt)]),
    ...marks.map(({ xAxis }) => xAxis),
    since(endedAt ?? startedAt),
  );
  if (ledger.length === 0 || end <= 0) return undefined;
  const bars = [
    ...ledger.map(({ name, state, ...entry }) => ({
      name,
      colour: stateColours[state],
      from: since(entry.startedAt),
      to: entry.endedAt ? since(entry.endedAt) : end,
    })),
    ...approvals.map((approval) => ({
      name: `approval (${approval.state})`,
      colour: stateColours.running,
      from: since(approval.requestedAt),
      to: since(approval.at ?? approval.until),
    })),
  ].sort((one, other) => one.from - other.from);
  const svg = draw(1_080, 96 + bars.length * 30, {
    grid: { left: 170, right: 40, top: 64, bottom: 32 },
    xAxis: {
      type: 'value',
      min: Math.min(0, ...bars.map(({ from }) => from)),
      max: end,
      axisLabel: { ...font, formatter: (value: number) => sinceText(value) },
      splitLine: { lineStyle: { color: line } },
    },
    yAxis: {
      type: 'category',
      inverse: true,
      data: bars.map(({ name }) => name),
      axisLabel: { ...font, width: 150, overflow: 'truncate' },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: line } },
    },
    series: [
      // Invisible: where each bar begins.
      {
        type: 'bar',
        stack: 'time',
        stackStrategy: 'all',
        silent: true,
        itemStyle: { color: 'transparent' },
        data: bars.map(({ from }) => from),
      },
      {
        type: 'bar',
        stack: 'time',
        stackStrategy: 'all',
        silent: true,
        barWidth: 14,
        barMinHeight: 3,
        data: bars.map(({ from, to, colour }) => ({
          value: Math.max(Math.min(to, end) - from, 0),
          itemStyle: { color: colour, borderRadius: 3 },
          label: {
            show: true,
            position: 'right' as const,
            ...font,
            formatter: formatDuration(to - from),
          },
        })),
        markLine: milestoneLines(marks),
      },
    ],
  });
  return { title: 'Steps over time', svg };
}

function milestoneLines(marks: { name: string; xAxis: number }[]): BarSeriesOption['markLine'] {
  return {
    silent: true,
    symbol: 'none',
    lineStyle: { color: '#2f9e75', type: 'dashed' },
    data: marks.map(({ name, xAxis }, index) => ({
      xAxis,
      label: { ...font, formatter: name, position: 'start', distance: [0, 4 + (index % 3) * 16] },
    })),
  };
}

/** What Prometheus knew of the target, a chart for each question, with the milestones as lines. */
export function metricCharts(metrics: Metrics, source: ReportSource): Chart[] {
  const from = Date.parse(metrics.from);
  const to = Date.parse(metrics.to);
  const marks = reached(source.milestones)
    .map(({ at }) => ({ name: '', xAxis: Date.parse(at) }))
    .filter(({ xAxis }) => xAxis >= from && xAxis <= to);
  return metrics.charts.map(({ title, unit, series }) => ({
    title: `${title}${unit === 'count' ? '' : ` (${unit})`}`,
    svg: draw(530, 230 + Math.ceil(Math.min(series.length, 8) / 2) * 18, {
      useUTC: true,
      grid: {
        left: 64,
        right: 20,
        top: 16,
        bottom: 44 + Math.ceil(Math.min(series.length, 8) / 2) * 18,
      },
      legend: {
        bottom: 0,
        selectedMode: false,
        icon: 'roundRect',
        itemWidth: 12,
        itemHeight: 4,
        itemGap: 18,
        textStyle: font,
        formatter: (name: string) => (name.length > 32 ? `${name.slice(0, 31)}…` : name),
        data: series.slice(0, 8).map(({ name }) => name),
      },
      xAxis: {
        type: 'time',
        min: from,
        max: to,
        axisLabel: { ...font, hideOverlap: true },
        axisLine: { lineStyle: { color: line } },
      },
      yAxis: {
        type: 'value',
        min: 0,
        minInterval: unit === 'count' ? 1 : undefined,
        axisLabel: { ...font, formatter: (value: number) => amount(value, unit) },
        splitLine: { lineStyle: { color: line } },
      },
      series: series.map(({ name, points }, index) => ({
        name,
        type: 'line',
        silent: true,
        showSymbol: points.length === 1,
        step: unit === 'count' ? ('end' as const) : undefined,
        lineStyle: { width: 1.5 },
        data: points,
        ...(index === 0 && { markLine: milestoneLines(marks) }),
      })),
    }),
  }));
}

/** `12 Mi`, `0.25`. */
function amount(value: number, unit: MetricQuery['unit']): string {
  if (unit !== 'bytes') return String(Number(value.toPrecision(3)));
  const power = Math.min(Math.floor(Math.log2(Math.max(value, 1)) / 10), 4);
  return `${Number((value / 1_024 ** power).toPrecision(3))} ${['B', 'Ki', 'Mi', 'Gi', 'Ti'][power]}`;
}
