import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { textWidth } from './text-width.ts';

/** A chart as a Vega-Lite specification, without `$schema` and the style. */
export type ChartSpec = Readonly<Record<string, unknown>>;

/** A drawn chart. */
export interface Chart {
  readonly svg: string;
  readonly png: Uint8Array;
}

/** The part of vega that is used. */
interface Vega {
  parse(spec: object): object;
  readonly View: new (
    runtime: object,
    options: { renderer: 'none' },
  ) => { toSVG(): Promise<string>; finalize(): void };
  /** How vega measures text; it may be replaced. */
  readonly textMetrics: {
    width: (
      item: { readonly fontSize?: number; readonly fontWeight?: unknown },
      line?: string | number | null,
    ) => number;
  };
}

/** The part of vega-lite that is used. */
interface VegaLite {
  compile(spec: object): { readonly spec: object };
}

/** The part of resvg that is used. */
interface Resvg {
  readonly Resvg: new (svg: string, options: object) => { render(): { asPng(): Uint8Array } };
}

/**
 * Colours that colour-blind people can distinguish (Okabe and Ito, "Color Universal Design", 2008), without
 * the yellow, which is faint on white.
 */
export const colours = {
  blue: '#0072B2',
  orange: '#E69F00',
  green: '#009E73',
  vermilion: '#D55E00',
  purple: '#CC79A7',
  sky: '#56B4E9',
  grey: '#9A9A9A',
  /** For areas behind other marks. */
  pale: '#D6EAF6',
  ink: '#222222',
} as const;

const font = 'DejaVu Sans';
const muted = '#5C5C5C';

const style = {
  background: '#FFFFFF',
  padding: 16,
  // If the font is missing, a similar one is used.
  font: `${font}, Verdana, Helvetica, Arial, sans-serif`,
  title: {
    anchor: 'start',
    fontSize: 17,
    fontWeight: 600,
    color: colours.ink,
    subtitleFontSize: 12.5,
    subtitleColor: muted,
    subtitlePadding: 6,
    subtitleLineHeight: 17,
    offset: 16,
  },
  axis: {
    labelFontSize: 12.5,
    titleFontSize: 12.5,
    titleFontWeight: 400,
    labelColor: colours.ink,
    labelLimit: 320,
    titleColor: muted,
    titlePadding: 10,
    gridColor: '#E6E6E6',
    domainColor: '#9A9A9A',
    tickColor: '#9A9A9A',
  },
  axisX: { grid: false, labelAngle: 0 },
  axisY: { domain: false, ticks: false },
  legend: {
    orient: 'top',
    labelFontSize: 12.5,
    titleFontSize: 12.5,
    titleFontWeight: 400,
    titleColor: muted,
    labelLimit: 320,
    symbolSize: 120,
    symbolStrokeWidth: 2.5,
  },
  header: { labelFontSize: 13, labelFontWeight: 600, titleFontSize: 13, labelColor: colours.ink },
  view: { stroke: null },
  range: { category: [colours.blue, colours.orange, colours.green, colours.vermilion, colours.purple] },
} as const;

/** Draws a chart, the same on every machine. Call `installBenchPackages` before. */
export async function drawChart(spec: ChartSpec): Promise<Chart> {
  const [{ parse, View, textMetrics }, { compile }, { Resvg }] = await Promise.all([
    load<Vega>('vega'),
    load<VegaLite>('vega-lite'),
    load<Resvg>('@resvg/resvg-js'),
  ]);
  textMetrics.width = ({ fontSize = 11, fontWeight }, line = '') =>
    textWidth(`${line ?? ''}`.trim(), fontSize, fontWeight === 'bold' || Number(fontWeight) >= 600);
  const { spec: compiled } = compile({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: style,
    ...spec,
  });
  const view = new View(parse(compiled), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  const fonts = join(dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')), 'ttf');
  const drawing = new Resvg(svg, {
    // Twice as many pixels, for high-resolution screens.
    fitTo: { mode: 'zoom', value: 2 },
    font: {
      loadSystemFonts: false,
      fontFiles: ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map((file) => join(fonts, file)),
      defaultFontFamily: font,
    },
  });
  return { svg, png: drawing.render().asPng() };
}

/** Draws a chart to `<folder>/<name>.svg` and `.png`. */
export async function saveChart(folder: string, name: string, spec: ChartSpec): Promise<void> {
  const { svg, png } = await drawChart(spec);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.svg`), `${svg}\n`);
  await writeFile(join(folder, `${name}.png`), png);
}

/** Loads a package of tests/bench. The type check must not depend on its types. */
async function load<Module>(name: string): Promise<Module> {
  return (await import(name)) as Module; // the part that is used, as documented
}
