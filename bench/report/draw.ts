/**
 * Draws Vega-Lite specifications as SVG. The background is transparent and the colours keep
 * their distance from white and from black, so that one file serves light and dark pages.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

export const colours = {
  text: '#7d8590',
  grid: '#7d859040',
  ours: '#1f9d76',
  oursToo: '#5b7ff0',
  reference: '#98a1ac',
  other: '#b98bd9',
  accent: '#e0833c',
} as const;

const font = 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif';

const config = {
  background: 'transparent',
  font,
  padding: 12,
  view: { stroke: null },
  title: {
    color: colours.text,
    subtitleColor: colours.text,
    fontSize: 15,
    subtitleFontSize: 12,
    anchor: 'start',
    offset: 14,
    subtitlePadding: 5,
  },
  axis: {
    labelColor: colours.text,
    titleColor: colours.text,
    domainColor: colours.grid,
    tickColor: colours.grid,
    gridColor: colours.grid,
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    labelLimit: 260,
    titlePadding: 8,
  },
  header: { labelColor: colours.text, titleColor: colours.text, labelFontSize: 13 },
  legend: {
    labelColor: colours.text,
    titleColor: colours.text,
    labelFontSize: 12,
    title: null,
    symbolStrokeWidth: 2,
  },
} as const;

/** Writes one chart; the same specification always gives the same bytes. */
export async function drawChart(spec: TopLevelSpec, path: string): Promise<void> {
  const styled = { ...spec, config } as TopLevelSpec;
  const view = new vega.View(vega.parse(compile(styled).spec), { renderer: 'none' });
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${await view.toSVG()}\n`);
  } finally {
    view.finalize();
  }
}
